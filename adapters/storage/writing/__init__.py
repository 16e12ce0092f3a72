"""From a record that was taken over to one that is kept: in batches, by one writer."""
