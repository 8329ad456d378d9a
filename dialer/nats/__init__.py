"""The line between centres and headquarters (NATS): what goes over it, and the one door to its library."""
