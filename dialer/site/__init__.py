"""What a site needs to run, built from its settings: the engine's plan, connections and reload. Also checks of the site."""
