"""The ground on which containers run: programs, boxes they run in, nodes with capacity, places for things.

It knows no AWS service. ECS stands on it, and whatever else runs containers: each is a `Home` of its boxes.
"""
