"""Built-in service `rpc_switch`: gives the node on this host another RPC endpoint when its own is bad."""
