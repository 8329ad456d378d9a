"""Reports and exports of calls, agents, trunks, turnout, voters' results and complaints."""
