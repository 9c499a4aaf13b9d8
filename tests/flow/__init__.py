"""The whole way of a photo, without real workers: hints are run by hand, the store is the twin in memory."""
