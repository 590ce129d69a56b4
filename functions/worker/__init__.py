"""The worker: queue, Kafka and timer triggers, one thin function each."""
