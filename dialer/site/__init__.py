"""A site's settings become a plan that can be run; what it lacks, in plain words."""
