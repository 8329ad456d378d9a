### Texts of headquarters' page, in English.

headquarters = headquarters
views = Pages of headquarters
view-figures = Figures
view-incidents = Incidents
view-material = Campaign material
view-orders = Orders to centres
view-days = Daily results
view-ready = Readiness test
view-audit = Audit log
status = Connections
status-nats = NATS message server
status-database = Database
status-up = { $name } is connected
status-down = { $name } is disconnected
stale-desk = No update from headquarters for { $ago }. Figures may be out of date. The centres continue.
stale-database = The database does not respond. Its figures are { $ago } old. The centres continue and store their results.
stale-nats = Disconnected from the NATS message server: live figures are out of date. The centres continue.

role-headquarters = headquarters staff
role-zone = zone coordinator
role-media = media team
role-compliance = compliance officer
role-viewer = viewer (read only)

problem-other-zone = Refused: this incident, proposal or centre does not belong to your zone.
problem-no-owner = This user cannot own incidents of this zone. Choose another owner.
problem-no-incident = This incident is closed or belongs to another zone.
problem-not-approved = This version of the material is not approved. Media and compliance must sign it first.
problem-no-proposal = This proposal has been answered or belongs to another zone.
problem-own-proposal = You made this proposal yourself. A second person must confirm or decline it.
problem-proposal-expired = This proposal has expired, because nobody answered it within a day. Propose it again.
problem-no-rollout = This rollout has ended, or its confirmation is older than a day.

## Figures

tile-seats = Agents signed in
of-planned = { $planned } agents are planned
not-planned = no number of agents is planned
tile-contacts = Contacts per seat-hour
of-target = target: { $target } contacts per seat-hour
no-target = no target set for contacts
tile-abandoned = Abandoned rate today
of-cap = abandoned calls as a share of live answers; the lowest limit is { $cap }
no-cap = abandoned calls as a share of live answers
tile-completed = Completed share of the call lists
of-expected = share expected by now: { $share }
no-expected-curve = no expected turnout curve is configured
tile-voted = Contacted voters who have voted
of-official = official turnout { $share }, { $at }
no-official = no official turnout yet
official-short = official turnout { $share }
tile-time-left = Time to complete the call lists
list-left = { $due } numbers still to call; the poll closes in { $left } hours
tile-online = Centres online
oldest-results = Time since the last result from the centre that is furthest behind:
tile-lag = Delay of opt-outs between centres
lag-help = longest time until an opt-out is stored in another centre
hours = { $hours } hours
seconds = { $seconds } sec
never = no update yet

map = Map of zones
zone-bad = { $bad } of { $centres } centres with problems
level-bad = centre with a problem
level-near = centre behind its target
level-good = centre without problems
level-none = centre never online
path = Selected zone and centre
all-zones = all zones
centres-by = Centres and their figures
constituencies = Constituencies of this centre
booths = Booths of this constituency
zone = Zone
state = Federal state
centre = Centre
constituency = Constituency
booth = Booth
order-by = Sort this table by
order-problems = centres with problems first
order-name = name of zone or centre
order-work = contacts per seat-hour, adjusted for answer rate
age-live = Last live update
age-results = Last results received
age-figure = Age of the figures
seats = Agents signed in
contacts = Contacts per seat-hour
abandoned = Abandoned rate
reached = Completed share of the list
voted = Reported turnout
list = Numbers still to call
material = Campaign material
state-of = Problems
reached-voters = Voters contacted
voted-voters = Voters reported as voted
not-yet = Voters who have not voted yet
official = Official turnout
material-behind = { $behind } centres without the assigned material
incidents-open = { $open ->
    [one] { $open } open incident
   *[other] { $open } open incidents
}
no-areas = No voters have been contacted here yet.
no-centres = No centres. Add them to [[centres]] in hq.toml.
none-online = No centre is online. Check the centres' uplinks and the NATS message server.
campaigns = Campaigns
campaign-running = { $campaign } is running
campaign-paused = { $campaign } is paused
campaign-stopped = { $campaign } is stopped
live-calls = Live calls
lag = Delay of opt-outs between centres
lost = Lost results
alerts = Alerts

fault-none = centre without problems
fault-never-online = centre never online
fault-offline = centre offline
fault-dialler-down = dialler or Asterisk disconnected
fault-trouble = headquarters refuses the centre's results, or the centre's clock is wrong
fault-critical = critical alert in the centre
fault-over-cap = abandoned rate over the limit
fault-material = campaign material differs from the assigned version
fault-seats = fewer agents signed in than planned
fault-contacts = contacts per seat-hour below target
fault-list-short = call list will be completed before the poll closes
fault-list-long = call list will not be completed before the poll closes

## Incidents

incidents = Incidents
where = Zone or centre of the incident
incident-text = Description of the incident
incident-open = Open an incident
incident-opened = Incident opened. You own the incident until it is assigned to somebody else.
incident-owned = The incident has a new owner.
incident-closed = Incident closed.
incident-owner = New owner of the incident
ask-owner = Choose the person who becomes the owner of this incident.
owner = Owner of the incident
incident-assign = Assign incident…
incident-take = Assign incident to me
incident-close = Close incident
incident-opened-by = incident opened by { $name }, { $ago } ago
owned-by = incident owner: { $owner }
no-incidents = No open incidents.
zone-named = zone { $zone }

## Material and orders

version = Version of the material
propose = Propose material
proposed = Proposal sent. Another person must confirm or decline it.
proposals = Proposals to assign material or to resume campaigns
proposal-material = Assign material { $text } to { $to }
proposal-rollout = Roll out material { $text } in waves to { $to }
proposal-resume = Resume the campaigns of { $to }: { $text }
confirm = Confirm proposal
decline = Decline proposal
confirm-material = After you confirm, the centres install the material within seconds.
confirm-rollout = After you confirm, the rollout is started on headquarters' machine: `dialer hq bundle waves`.
confirm-resume = After you confirm, two leaders must sign the order on their own machines: dialer hq order resume.
confirmed = Proposal confirmed.
declined = Proposal declined.
assigning-failed = The material was not assigned: { $text }
proposed-by = proposal made by { $name }, { $at }
answered-by = Answer to the proposal: { $state } by { $name }, { $at }
proposal-is-confirmed = proposal confirmed
proposal-is-declined = proposal declined
proposal-is-expired = proposal expired without an answer
proposal-is-done = material assigned
proposal-is-failed = material not assigned
second-person = This proposal waits for a second person to confirm it.
approved = Campaign material approved by media and compliance: { $versions }
nothing-approved = No material is approved. Create and sign a bundle of material first.
ordered = Material assigned to centres
running = Material in use at centres
in-centres = Material { $material } is in use at { $centres } centres
not-there-yet = Assigned material not installed yet in { $names }
orders = Orders to centres
orders-help = Leaders sign orders on their own machines (dialer hq order). This page shows orders in force and the centres' replies.
no-orders = No orders are in force.
order-stop-all = Stop all campaigns
order-pause = Pause campaign
order-resume = Resume campaigns
order-quota = Limit calls of a campaign
order-done = order carried out by { $done } centres
order-missing = no reply to the order from { $names }
resume-why = Reason to resume the campaigns
propose-resume = Propose to resume campaigns

## Days

days = Results of the last 31 days
chart-calls = Calls, contacts and votes per day
chart-summary = { $calls } calls and { $contacts } contacts in { $days } days.
chart-work = Contacts per seat-hour
chart-abandoned = Abandoned rate of live answers
chart-seats = Seat-hours worked
calls = Calls placed
contacts-made = Contacts made
marked-voted = Voters reported as voted
seat-hours = Seat-hours worked
no-days = No results yet. Each day appears after its first call.

## Readiness

ready = Readiness test
ready-help = A test message travels from a centre's dialler to this page. Send one from each centre in the week before the poll (dialer command test-mark). Test messages older than a week do not count.
ready-summary = { $ready } of { $centres } centres tested in the last week
test-mark = Last test message
test-never = no test message received
transit-time = Transit time of the test message
connection = Connection of the centre
centre-online = centre online
centre-offline = centre offline

## Audit

audit = Audit log
audit-help = Actions on these pages, newest first. "dialer hq audit" shows all of them and checks the hash chain.
number = Entry number in the audit log
action = Audited action
user = User who acted
what = Details of the action
action-account-set = user account changed
action-account-removed = user account removed
action-incident-opened = incident opened
action-incident-assigned = incident assigned
action-incident-closed = incident closed
action-material-proposed = material proposed
action-material-answered = material proposal confirmed or declined
action-material-settled = material proposal closed
action-rollout-proposed = rollout of material in waves proposed
action-rollout-answered = rollout of material confirmed or declined
action-rollout-assigned = material assigned to a wave of a rollout
action-rollout-settled = rollout of material ended
action-withdrawal-drafted = withdrawal of material drafted
action-resume-proposed = proposal made to resume campaigns
action-resume-answered = proposal to resume campaigns confirmed or declined
action-audit-end-accepted = end of the audit log accepted as it is now
