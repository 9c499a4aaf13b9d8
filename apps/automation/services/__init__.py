"""What changes in this room: `ruling` writes rules, `noticing` what happened, `acting` what comes of it."""
