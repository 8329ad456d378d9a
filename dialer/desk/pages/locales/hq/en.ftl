### What headquarters' page says, in English.

headquarters = headquarters
views = Views
view-figures = Figures
view-incidents = Incidents
view-material = Material
view-orders = Orders
view-days = Days
view-ready = Readiness
view-audit = Audit
lamps = What is up
lamp-line = Line
lamp-books = Database
lamp-good = up
lamp-bad = away
stale-desk = Headquarters has told nothing for { $ago }: what stands here is that old. The centres go on.
stale-books = The database does not answer: its figures are { $ago } old. The centres go on, and keep what they have.
stale-line = There is no line to nats-server: what centres say of themselves is old. They go on.

role-headquarters = headquarters
role-zone = zone in-charge
role-media = media
role-compliance = compliance
role-viewer = viewer

problem-other-zone = That is not of your zone.
problem-no-owner = That one has no account which sees to incidents of this zone.
problem-no-incident = That incident is closed, or not of your zone.
problem-not-approved = That version is not approved: media and compliance sign it first.
problem-no-proposal = That proposal is answered already, or not of your zone.
problem-own-proposal = A second person answers it, not you.

## Figures

tile-seats = Seats signed in
of-planned = of { $planned } planned
not-planned = none planned
tile-contacts = Contacts a seat-hour
of-target = target { $target }
no-target = no target
tile-abandoned = Abandoned today
of-cap = of live answers; lowest cap { $cap }
no-cap = of live answers
tile-reached = List done with
of-expected = expected by now { $share }
no-course = no course is given
tile-voted = Voted, of those reached
of-official = official { $share }, { $at }
no-official = no official figure
official-short = official { $share }
tile-list = List lasts
list-left = { $due } numbers left; { $left } h until the close
tile-heard = Centres heard
oldest-books = oldest row
tile-lag = Opt-out lag
lag-is = until another centre has kept it, the longest
hours = { $hours } h
seconds = { $seconds } s
never = never

map = Zones
zone-bad = { $bad } of { $centres } in trouble
level-bad = in trouble
level-near = behind
level-good = well
level-none = never heard
path = Where you are
all-zones = all zones
centres-by = Centres
constituencies = Constituencies
booths = Booths
zone = Zone
state = State
centre = Centre
constituency = Constituency
booth = Booth
order-by = Order
order-worst = worst first
order-name = by name
order-work = contacts a seat-hour, for the same answer rate
age-line = Line
age-books = Rows
age-figure = Age
seats = Seats
contacts = Contacts a seat-hour
abandoned = Abandoned
reached = List done
voted = Voted
list = Left
material = Material
state-of = How it stands
reached-voters = Reached
voted-voters = Said they voted
not-yet = Not yet
official = Official
material-behind = { $behind } behind
incidents-open = { $open ->
    [one] { $open } incident
   *[other] { $open } incidents
}
no-areas = No voter has said anything here yet.
no-centres = There are no centres: [[centres]] of hq.toml names them.
nobody-heard = No centre is heard now.
campaigns = Campaigns
campaign-running = running
campaign-paused = paused
campaign-stopped = stopped
live-calls = Live calls
lag = Opt-out lag
lost = Rows lost
alerts = Alerts

fault-none = as it should be
fault-never-heard = never heard
fault-silent = silent
fault-dialler-away = dialler or switch away
fault-trouble = rows refused, or its clock is wrong
fault-critical = critical alert
fault-over-cap = abandoned over the cap
fault-material = material not as ordered
fault-seats = seats missing
fault-contacts = contacts behind the target
fault-list-short = list ends before the day
fault-list-long = list outlasts the day

## Incidents

incidents = Incidents
where = Where
incident-text = What is wrong
incident-open = Open an incident
incident-opened = The incident is open; it is yours until somebody takes it.
incident-owned = The incident has another owner.
incident-closed = The incident is closed.
incident-owner = Who sees to it?
ask-owner = The incident is theirs from now on.
owner = Owner
incident-give = Give it to…
incident-take = I take it
incident-close = Close
incident-since = opened by { $name }, { $ago } ago
owned-by = { $owner } sees to it
no-incidents = No incident is open.
zone-named = zone { $zone }

## Material, and orders

version = Version
propose = Propose
proposed = It is proposed: a second person answers it.
proposals = Proposals
proposal-material = Material { $text } for { $to }
proposal-resume = Let { $to } go on: { $text }
confirm = Confirm
decline = Decline
confirm-material = These centres take it within seconds.
confirm-resume = Two leaders then sign it on their own machines: dialer hq order resume.
confirmed = It is confirmed.
declined = It is declined.
given-failed = It was not given: { $text }
proposed-by = proposed by { $name }, { $at }
answered-by = { $state } by { $name }, { $at }
proposal-is-confirmed = confirmed
proposal-is-declined = declined
proposal-is-done = given
proposal-is-failed = not given
second-person = waits for a second person
approved = Approved by media and compliance: { $versions }
nothing-approved = No material is approved.
ordered = Ordered
running = Running
in-centres = in { $centres } centres
not-there-yet = Not there yet: { $names }
orders = Orders
orders-are = Leaders sign orders on their own machines (dialer hq order). Here stands what is valid, and what the centres answered.
no-orders = No order is valid.
order-stop-all = Stop everything
order-pause = Pause
order-resume = Resume
order-quota = Quota
order-done = { $done } have done it
order-missing = no answer from { $names }
resume-why = Why they may go on
propose-resume = Propose to resume

## Days

days = The last month
chart-calls = Calls, contacts, voted, each day
chart-told = In { $days } days { $calls } calls and { $contacts } contacts.
chart-work = Contacts a seat-hour
chart-abandoned = Abandoned, of live answers
chart-seats = Seat-hours
calls = Calls
contacts-made = Contacts
marked-voted = Said voted
seat-hours = Seat-hours
no-days = No day is counted yet.

## Readiness

ready = Readiness
ready-is = A test mark goes the whole way, from the centre's dialler to this page: dialer command test-mark in each centre, a week before. One that is older than a week does not count.
ready-whole = { $ready } of { $centres } have been tested
test-mark = Test mark
test-never = none has come
way = On its way
line-now = Line now
heard = heard
not-heard = not heard

## Audit

audit = Audit
audit-is = What people did here, the newest first. dialer hq audit shows all of it and checks the chain.
number = Number
deed = What was done
person = By whom
what = To what
deed-account-set = account set
deed-account-removed = account removed
deed-incident-opened = incident opened
deed-incident-owner = incident given
deed-incident-closed = incident closed
deed-material-proposed = material proposed
deed-material-answered = material answered
deed-material-settled = what was confirmed settled
deed-resume-proposed = resume proposed
deed-resume-answered = resume answered
deed-audit-end-accepted = audit's end accepted
