"""The console: one page that shows what runs, what it costs, what fails and whose fault it is."""
