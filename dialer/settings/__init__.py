"""What differs from site to site: settings, jurisdiction profiles, templates. Imports nothing of ours."""
