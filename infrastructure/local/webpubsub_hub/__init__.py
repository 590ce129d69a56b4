"""A Web PubSub hub for one machine: Azure's data-plane REST and its two JSON subprotocols.

It carries what the project uses and refuses the rest by name. There are no event handlers, no
MQTT, no protobuf, no filters and nothing on disk: a restart forgets every connection, and
clients come back by themselves.
"""
