### Texts of headquarters' page, in English.

headquarters = headquarters
views = Views
view-figures = Figures
view-incidents = Incidents
view-material = Material
view-orders = Orders
view-days = Days
view-ready = Readiness
view-audit = Audit
status = Status
status-nats = nats-server
status-database = Database
status-up = up
status-down = down
stale-desk = No update from headquarters for { $ago }. Figures may be out of date. The centres continue.
stale-database = The database does not respond. Its figures are { $ago } old. The centres continue and store their results.
stale-nats = Disconnected from nats-server: live figures are out of date. The centres continue.

role-headquarters = headquarters
role-zone = zone in-charge
role-media = media
role-compliance = compliance
role-viewer = viewer

problem-other-zone = This belongs to another zone.
problem-no-owner = This user cannot own incidents of this zone.
problem-no-incident = This incident is closed or belongs to another zone.
problem-not-approved = This version is not approved. Media and compliance must sign it first.
problem-no-proposal = This proposal has been answered or belongs to another zone.
problem-own-proposal = A second person must answer your proposal.

## Figures

tile-seats = Agents signed in
of-planned = of { $planned } planned
not-planned = no plan set
tile-contacts = Contacts per seat-hour
of-target = target { $target }
no-target = no target set
tile-abandoned = Abandoned rate today
of-cap = share of live answers, lowest limit { $cap }
no-cap = share of live answers
tile-completed = List completed
of-expected = expected by now: { $share }
no-expected-curve = no expected turnout set
tile-voted = Voted, of contacted voters
of-official = official { $share }, { $at }
no-official = no official figure yet
official-short = official { $share }
tile-time-left = Time to complete list
list-left = { $due } numbers remaining; poll closes in { $left } h
tile-online = Centres online
oldest-results = oldest result
tile-lag = Opt-out delay
lag-help = longest time until another centre stores an opt-out
hours = { $hours } h
seconds = { $seconds } s
never = never

map = Zones
zone-bad = { $bad } of { $centres } with problems
level-bad = problem
level-near = behind
level-good = good
level-none = never online
path = Location
all-zones = all zones
centres-by = Centres
constituencies = Constituencies
booths = Booths
zone = Zone
state = State
centre = Centre
constituency = Constituency
booth = Booth
order-by = Sort by
order-problems = problems first
order-name = name
order-work = contacts per seat-hour, adjusted for answer rate
age-live = Last update
age-results = Results
age-figure = Age
seats = Seats
contacts = Contacts per seat-hour
abandoned = Abandoned
reached = List completed
voted = Voted
list = Remaining
material = Material
state-of = Status
reached-voters = Contacted
voted-voters = Reported as voted
not-yet = Not yet
official = Official
material-behind = { $behind } not up to date
incidents-open = { $open ->
    [one] { $open } incident
   *[other] { $open } incidents
}
no-areas = No voters have been contacted here yet.
no-centres = No centres. Add them to [[centres]] in hq.toml.
none-online = No centre is online. Check their uplinks and nats-server.
campaigns = Campaigns
campaign-running = running
campaign-paused = paused
campaign-stopped = stopped
live-calls = Live calls
lag = Opt-out delay
lost = Lost results
alerts = Alerts

fault-none = no problems
fault-never-online = never online
fault-offline = offline
fault-dialler-down = dialler or Asterisk down
fault-trouble = results refused or clock wrong
fault-critical = critical alert
fault-over-cap = abandoned rate over the limit
fault-material = material not as assigned
fault-seats = fewer agents than planned
fault-contacts = contacts below target
fault-list-short = list ends before the poll closes
fault-list-long = list will not be completed

## Incidents

incidents = Incidents
where = Where
incident-text = Description
incident-open = Open an incident
incident-opened = Incident opened. You own it until it is assigned to somebody else.
incident-owned = The incident has a new owner.
incident-closed = Incident closed.
incident-owner = New owner
ask-owner = The incident is assigned to this person.
owner = Owner
incident-assign = Assign to…
incident-take = Assign to me
incident-close = Close
incident-opened-by = opened by { $name }, { $ago } ago
owned-by = owner: { $owner }
no-incidents = No open incidents.
zone-named = zone { $zone }

## Material and orders

version = Version
propose = Propose
proposed = Proposed. A second person must answer it.
proposals = Proposals
proposal-material = Material { $text } for { $to }
proposal-resume = Resume { $to }: { $text }
confirm = Confirm
decline = Decline
confirm-material = The centres install it within seconds.
confirm-resume = Two leaders must then sign it on their own machines: dialer hq order resume.
confirmed = Confirmed.
declined = Declined.
assigning-failed = Not assigned: { $text }
proposed-by = proposed by { $name }, { $at }
answered-by = { $state } by { $name }, { $at }
proposal-is-confirmed = confirmed
proposal-is-declined = declined
proposal-is-done = assigned
proposal-is-failed = not assigned
second-person = waiting for a second person
approved = Approved by media and compliance: { $versions }
nothing-approved = No material is approved. Create and sign a bundle first.
ordered = Assigned
running = Active
in-centres = in { $centres } centres
not-there-yet = Not installed yet in { $names }
orders = Orders
orders-help = Leaders sign orders on their own machines (dialer hq order). This page shows orders in force and the centres' replies.
no-orders = No orders in force.
order-stop-all = Stop everything
order-pause = Pause
order-resume = Resume
order-quota = Quota
order-done = carried out by { $done } centres
order-missing = no reply from { $names }
resume-why = Reason to resume
propose-resume = Propose resuming

## Days

days = Last 31 days
chart-calls = Calls, contacts and votes per day
chart-summary = { $calls } calls and { $contacts } contacts in { $days } days.
chart-work = Contacts per seat-hour
chart-abandoned = Abandoned rate of live answers
chart-seats = Seat-hours
calls = Calls
contacts-made = Contacts
marked-voted = Reported as voted
seat-hours = Seat-hours
no-days = No results yet. Each day appears after its first call.

## Readiness

ready = Readiness
ready-help = A test mark travels from a centre's dialler to this page. Send one from each centre a week before the poll (dialer command test-mark). Marks older than a week do not count.
ready-summary = { $ready } of { $centres } tested
test-mark = Test mark
test-never = none received
transit-time = Transit time
connection = Connection
centre-online = online
centre-offline = offline

## Audit

audit = Audit
audit-help = Actions on these pages, newest first. "dialer hq audit" shows all of them and checks the hash chain.
number = Number
action = Action
user = User
what = Details
action-account-set = account changed
action-account-removed = account removed
action-incident-opened = incident opened
action-incident-assigned = incident assigned
action-incident-closed = incident closed
action-material-proposed = material proposed
action-material-answered = material answered
action-material-settled = material proposal closed
action-resume-proposed = resume proposed
action-resume-answered = resume answered
action-audit-end-accepted = end of audit log accepted
