"""How people sign in at an OpenID provider of the network's own (OpenID Connect)."""
