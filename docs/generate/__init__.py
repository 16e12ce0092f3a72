"""Pages of the documentation that the program itself tells: made whenever the site is built."""
