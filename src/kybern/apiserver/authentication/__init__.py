"""Who asks: client certificates, tokens, nobody; and whom they speak for."""
