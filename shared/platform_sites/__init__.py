"""Our own front ends: projects of a system account, published like everyone's."""
