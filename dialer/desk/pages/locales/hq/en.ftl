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
status-up = connected
status-down = disconnected
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
of-planned = of { $planned } planned agents
not-planned = no planned number of agents
tile-contacts = Contacts per seat-hour
of-target = target: { $target } contacts
no-target = no contact target set
tile-abandoned = Abandoned rate today
of-cap = share of live answers, lowest limit { $cap }
no-cap = share of live answers
tile-completed = Share of the list completed
of-expected = expected by now: { $share }
no-expected-curve = no expected turnout set
tile-voted = Contacted voters who voted
of-official = official turnout { $share }, { $at }
no-official = no official turnout yet
official-short = official turnout { $share }
tile-time-left = Time to complete the list
list-left = { $due } numbers remaining; poll closes in { $left } h
tile-online = Centres online
oldest-results = oldest result of a centre
tile-lag = Opt-out delay
lag-help = longest time until another centre stores an opt-out
hours = { $hours } h
seconds = { $seconds } s
never = never

map = Zones
zone-bad = { $bad } of { $centres } centres with problems
level-bad = problem
level-near = behind target
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
age-results = Latest results
age-figure = Age of the figures
seats = Seats
contacts = Contacts per seat-hour
abandoned = Abandoned rate
reached = Share of the list completed
voted = Voted
list = Numbers remaining
material = Campaign material
state-of = Status
reached-voters = Voters contacted
voted-voters = Reported as voted
not-yet = Not voted yet
official = Official turnout
material-behind = { $behind } centres not up to date
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
fault-material = campaign material differs from the assigned version
fault-seats = fewer agents than planned
fault-contacts = contacts below target
fault-list-short = list ends before the poll closes
fault-list-long = list will not be completed

## Incidents

incidents = Incidents
where = Centre or area
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
propose = Propose material
proposed = Proposal sent. A second person must confirm or decline it.
proposals = Proposals of material and orders
proposal-material = Assign material { $text } to { $to }
proposal-resume = Resume the campaigns of { $to }: { $text }
confirm = Confirm
decline = Decline
confirm-material = The centres install the material within seconds.
confirm-resume = Two leaders must then sign the order on their own machines: dialer hq order resume.
confirmed = Proposal confirmed.
declined = Proposal declined.
assigning-failed = The material was not assigned: { $text }
proposed-by = proposed by { $name }, { $at }
answered-by = { $state } by { $name }, { $at }
proposal-is-confirmed = confirmed
proposal-is-declined = declined
proposal-is-done = assigned
proposal-is-failed = not assigned
second-person = waiting for a second person to confirm
approved = Material approved by media and compliance: { $versions }
nothing-approved = No material is approved. Create and sign a bundle first.
ordered = Assigned material
running = Active material
in-centres = in { $centres } centres
not-there-yet = Material not installed yet in { $names }
orders = Orders
orders-help = Leaders sign orders on their own machines (dialer hq order). This page shows orders in force and the centres' replies.
no-orders = No orders in force.
order-stop-all = Stop everything
order-pause = Pause
order-resume = Resume
order-quota = Quota
order-done = order carried out by { $done } centres
order-missing = no reply from { $names }
resume-why = Reason to resume the campaigns
propose-resume = Propose to resume campaigns

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
ready-summary = { $ready } of { $centres } centres tested
test-mark = Test mark
test-never = no test mark received
transit-time = Transit time
connection = Connection
centre-online = online
centre-offline = offline

## Audit

audit = Audit
audit-help = Actions on these pages, newest first. "dialer hq audit" shows all of them and checks the hash chain.
number = Entry number
action = Action
user = User
what = Details
action-account-set = user account changed
action-account-removed = user account removed
action-incident-opened = incident opened
action-incident-assigned = incident assigned
action-incident-closed = incident closed
action-material-proposed = material proposed
action-material-answered = material proposal confirmed or declined
action-material-settled = material proposal closed
action-resume-proposed = proposal made to resume campaigns
action-resume-answered = proposal to resume confirmed or declined
action-audit-end-accepted = end of audit log accepted
