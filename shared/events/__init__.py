"""Changes of deployments, told through Kafka to whoever watches."""
