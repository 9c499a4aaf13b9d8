"""Connected storefronts: credentials, webhooks, and the ledger of media that we wrote."""
