"""From a file to a report: what the command line and the app share."""
