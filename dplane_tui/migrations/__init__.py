"""The store's schema, one SQL file a version, applied in the order of their numbers."""
