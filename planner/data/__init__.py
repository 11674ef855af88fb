"""The instance: what the linear programme needs, as plain floats in canonical units, decided from the inputs once."""
