"""The controller: reconciles migrations, fleets and, without a Go operator, both kinds."""
