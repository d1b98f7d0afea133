"""Python that a user wrote, over the rows that come to one node; what it gives is checked value by value."""
