"""What deploy/ has, rendered by the programs that an operator uses, and held to its promises."""
