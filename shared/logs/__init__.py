"""Log lines of deployments: from whoever writes them, through Kafka, to the store and readers."""
