"""What the interoperability tests share."""
