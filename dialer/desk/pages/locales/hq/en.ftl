### Texts of headquarters' page, in English.

headquarters = headquarters
views = Pages of headquarters
view-figures = Key figures
view-incidents = Incidents
view-material = Campaign material
view-orders = Orders to centres
view-days = Daily results
view-ready = Readiness test
view-audit = Audit log
status = Connection status
status-nats = NATS message server
status-database = Database
status-up = The connection to { $system } works
status-down = The connection to { $system } is lost
stale-desk = No update from headquarters for { $ago }. Figures may be out of date. The centres continue.
stale-database = Headquarters' database does not respond. Figures are { $ago } old. The centres continue and store their results.
stale-nats = Disconnected from the NATS message server: live figures are out of date. The centres continue.

role-headquarters = headquarters staff
role-zone = zone coordinator
role-media = media team
role-compliance = compliance officer
role-viewer = viewer (read only)

problem-other-zone = This incident, proposal or centre does not belong to your zone. Ask a user of its zone or of headquarters.
problem-no-owner = This user cannot own incidents of this zone. Choose another owner.
problem-no-incident = This incident is closed or belongs to another zone.
problem-not-approved = This version of the campaign material is not approved. Media and compliance must sign it first.
problem-no-proposal = This proposal has been answered or belongs to another zone.
problem-own-proposal = You made this proposal yourself. A second person must confirm or decline it.
problem-proposal-expired = This proposal has expired, because nobody answered it within a day. Propose it again.
problem-no-rollout = This rollout of campaign material has ended, or was confirmed more than a day ago. Propose it again.

## Figures

tile-seats = Agents signed in
of-planned = { $planned } agents are planned
not-planned = planned number of agents is not set
tile-contacts = Contacts per seat-hour
of-target = target: { $target } contacts per seat-hour
no-target = no target set for contacts per seat-hour
tile-abandoned = Abandoned rate today
of-cap = abandoned calls as a share of live answers; the lowest limit is { $cap }
no-cap = abandoned calls as a share of live answers
tile-completed = Completed share of the call lists
of-expected = share of the call lists expected to be completed by now: { $share }
no-expected-curve = no expected turnout curve is set
tile-voted = Contacted voters who have voted
of-official = official turnout { $share } (as of { $at })
no-official = no official turnout yet
official-short = official turnout { $share }
tile-time-left = Estimated time to complete the call lists
list-left = { $due } numbers still to call; the poll closes in { $left } hours
tile-online = Centres online
oldest-results = Last result received from the slowest centre:
tile-lag = Delay of opt-outs between centres
lag-help = longest time for an opt-out to reach another centre
hours = { $hours } hours
seconds = { $seconds } sec
never = no update received yet

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
age-figure = Age of these figures
seats = Agents signed in
contacts = Contacts per seat-hour
abandoned = Abandoned rate
reached = Completed share of the call list
voted = Reported turnout
list = Numbers still to call
material = Campaign material
state-of = Problems of the centre
reached-voters = Voters contacted
voted-voters = Voters reported as voted
not-yet = Voters who have not voted yet
official = Official turnout
material-behind = { $behind } centres without the assigned campaign material
incidents-open =
    { $open ->
        [one] { $open } open incident
       *[other] { $open } open incidents
    }
no-areas = No voters have been contacted here yet.
no-centres = No centres. Add them to [[centres]] in hq.toml.
none-online = No centre is online. Check the centres' uplinks and the NATS message server.
campaigns = Campaigns
campaign-running = campaign { $campaign } is running
campaign-paused = campaign { $campaign } is paused
campaign-stopped = campaign { $campaign } is stopped
live-calls = Live calls
lag = Delay of opt-outs between centres
lost = Results lost before they reached headquarters
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
ask-owner = Choose the new owner of this incident.
owner = Owner of the incident
incident-assign = Assign incident to somebody…
incident-take = Assign incident to me
incident-close = Close incident
incident-opened-by = incident opened by { $name }, { $ago } ago
owned-by = incident owner: { $owner }
no-incidents = No open incidents.
zone-named = zone { $zone }

## Material and orders

version = Campaign material and version
propose = Propose campaign material
proposed = Proposal sent. Another person must confirm or decline it.
material-to = Centres that get the campaign material
resume-to = Centres whose stopped campaigns may dial again
proposals = Proposals to assign campaign material or to resume campaigns
proposal-material = Assign campaign material { $text } to { $to }
proposal-rollout = Roll out campaign material { $text } in waves to { $to }
proposal-resume = Resume the campaigns of { $to }. Reason: { $text }
confirm = Confirm proposal
decline = Decline proposal
confirm-material = After you confirm, the centres install the campaign material within seconds.
confirm-rollout = After you confirm, start the rollout on headquarters' machine with `dialer hq bundle waves`.
confirm-resume = After you confirm, two leaders must sign the order on their own machines: dialer hq order resume.
confirmed = Proposal confirmed.
declined = Proposal declined.
assigning-failed = The campaign material was not assigned to the centres: { $text }
proposed-by = proposal made by { $name }, { $at }
answered-by = Answer to the proposal: { $state } by { $name }, { $at }
proposal-is-confirmed = proposal confirmed
proposal-is-declined = proposal declined
proposal-is-expired = proposal expired without an answer
proposal-is-done = campaign material assigned to the centres
proposal-is-failed = campaign material not assigned to the centres
second-person = This proposal waits for a second person to confirm it.
approved = Campaign material approved by media and compliance: { $versions }
nothing-approved = No campaign material is approved. Create a bundle of material and have media and compliance sign it.
ordered = Campaign material assigned to centres
running = Campaign material in use at centres
in-centres = Campaign material { $material } is in use at { $centres } centres
not-there-yet = Centres that have not yet installed the assigned campaign material: { $names }
orders = Orders to centres
orders-help = Leaders sign orders on their own machines (dialer hq order). This page shows orders in force and the centres' replies.
no-orders = No orders are in force.
order-stop-all = Stop all campaigns
order-pause = Pause campaign
order-resume = Resume campaigns
order-quota = Limit the calls of a campaign
order-done = order carried out by { $done } centres
order-missing = no reply to the order from: { $names }
resume-why = Reason to resume the campaigns
propose-resume = Propose to resume campaigns

## Days

days = Results of the last 31 days
chart-calls = Calls, contacts and votes per day
chart-summary = { $calls } calls and { $contacts } contacts in { $days } days.
chart-work = Contacts per seat-hour
chart-abandoned = Abandoned calls as a share of live answers
chart-seats = Seat-hours worked
calls = Calls placed
contacts-made = Voters contacted
marked-voted = Voters reported as voted
seat-hours = Seat-hours worked
no-days = No results yet. Each day appears after its first call.

## Readiness

ready = Readiness test
ready-help = A test message travels from a centre's dialler to this page. Send one from each centre in the week before the poll (dialer command test-mark). Test messages older than a week do not count.
ready-summary = { $ready } of { $centres } centres sent a test message in the last week
test-mark = Last test message
test-never = no test message received
transit-time = Transit time of the test message
connection = Connection of the centre
centre-online = centre online
centre-offline = centre offline

## Audit

audit = Audit log
audit-help = Actions of users and orders of leaders, newest first. The command "dialer hq audit" lists all actions and checks that no entry was changed.
number = Entry number in the audit log
action = Action in the audit log
user = User who acted
what = Details of the action
action-account-set = user account added or changed
action-account-removed = user account removed
action-incident-opened = incident opened
action-incident-assigned = incident assigned
action-incident-closed = incident closed
action-material-proposed = assignment of campaign material proposed
action-material-answered = proposal to assign campaign material was answered
action-material-settled = assignment of campaign material recorded as done or failed
action-rollout-proposed = rollout of campaign material proposed
action-rollout-answered = proposal to roll out campaign material was answered
action-rollout-assigned = campaign material assigned to one wave of centres
action-rollout-settled = rollout of campaign material ended
action-withdrawal-drafted = order to withdraw campaign material drafted
action-resume-proposed = proposal made to resume campaigns
action-resume-answered = proposal to resume campaigns was answered
action-material-published = version of campaign material approved or withdrawn
action-order-sent = signed order sent to centres
action-audit-end-accepted = shorter audit log accepted after the database was restored
