"""Show what the cells of a notebook gave on a page that needs nothing but itself."""
