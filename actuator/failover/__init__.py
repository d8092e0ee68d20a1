"""Moves block production between the nodes of a group, never to two at once."""
