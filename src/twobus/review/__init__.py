"""Look at a change before people do, and say what they should look at."""
