"""From the bytes of an untrusted CSV file to checked values."""
