"""Write the files of a new table or model."""
