"""The other plans that cost nearly the same: how far shares can move, and whole mixes that span the room."""
