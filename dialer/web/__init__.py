"""Pages for people, whoever serves them: who may come in where, who has signed in, what pages are told, over HTTP."""
