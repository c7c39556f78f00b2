"""Values of the domain as messages: `fill_x(message, x)` fills an empty message, in its place in a response.

In its place, for protobuf copies a message that is put into another one.
"""
