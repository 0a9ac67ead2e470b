"""What a run says: its tables and sentences, read once for every kind of report."""
