"""Money: prices, the ledger and its reports, always in integer micro-dollars."""
