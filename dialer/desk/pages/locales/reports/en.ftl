### Texts of the reports, in English. The texts of the board are loaded too.

filter = Filter of the reports
filter-from = From
filter-to = To
period-today = Today
period-yesterday = Yesterday
period-week = Last 7 days

view-campaigns = Campaigns
view-agents = Agents
view-abandoned = Abandoned calls
view-trunks = Trunks

report-hours = Calls by hour
report-outcomes = Call results
report-dispositions = Outcomes entered by agents
report-agents = Work of each agent
report-agents-help = A campaign selects calls only; an agent's time does not belong to a campaign.
report-pauses = Pauses by reason
report-agent-dispositions = Outcomes of each agent
report-windows = Highest abandoned rate in every window
report-windows-help = The highest rate of any window that ended on that day. A window may begin before the day.
report-trunks = Trunks
report-trunk-hours = Calls of each trunk by hour
report-trunk-statuses = Call results by SIP status
report-loading = Loading the report
report-empty = No records for this filter. Choose another period or campaign.
report-first-rows = The first { $shown } of { $rows } rows. The files have all rows.
files-of = Files of the report: { $report }
download-as = Download as { $format }
total = Total
none-entered = none entered
hours-summary = { $attempts } calls, { $answered } answered, { $contacts } contacts, { $abandoned } abandoned.
trunks-summary = Calls by hour of the busiest trunks: { $trunks }.
windows-summary = The highest abandoned rate of each day in every window, with its limit.
cap-met-yes = within the limit
cap-met-no = above the limit

column-campaign = Campaign
column-day = Day
column-hour = Hour
column-attempts = Calls
column-answered = Answered
column-answer-seizure-ratio = Answer rate (ASR)
column-contacts = Contacts
column-dispositions = Outcomes
column-live-answers = Live answers
column-abandoned = Abandoned
column-abandoned-rate = Abandoned rate
column-outcome = Call result
column-calls = Calls
column-share = Share
column-mean-seconds-to-answer = Time to answer
column-mean-seconds-after-answer = Time after the answer
column-disposition = Outcome
column-agent = Agent
column-logged-in-seconds = Logged in
column-talking-seconds = Talking
column-wrap-up-seconds = Wrap-up
column-ready-seconds = Ready
column-paused-seconds = Paused
column-utilisation = Utilisation
column-handling-seconds = Handling time
column-contacts-per-hour = Contacts per hour
column-pause-reason = Pause reason
column-pauses = Pauses
column-window-hours = Window
column-highest-rate = Highest rate
column-cap = Limit
column-cap-met = Result
column-trunk = Trunk
column-sip-status = SIP status
column-seizures = Calls
column-failures = Failures
column-failure-share = Failed share
column-mean-seconds-to-ringing = Time to ringing
column-most-starts-in-a-second = Most calls in a second

problem-report-period = The first day must not be after the last day. Correct the dates.
problem-report-too-slow = The report took longer than { $seconds } s and was ended. Choose a shorter period or one campaign.
problem-report-too-long = The file would have too many rows. Choose a shorter period or one campaign, or another file format.
problem-reports-busy = Many reports are being read right now. Try again in a few seconds.

## How a call ended

ended-live = call in progress
ended-connected = voter talked to an agent
ended-completed = voter listened to the automatic call to the end
ended-left = voter hung up during the automatic call
ended-abandoned = no agent was available for the voter
ended-dropped = voter hung up while waiting for an agent
ended-machine = answering machine
ended-busy = line busy
ended-no-answer = no answer
ended-invalid-number = no such number
ended-congestion = network busy
ended-rejected = call rejected by phone or network
ended-carrier-failure = network failure
ended-cancelled = call cancelled before the answer
ended-refused = call not placed
ended-missed = missed call from the voter
ended-unknown = result of the call unknown

## What the agent entered

outcome-voted = Has voted
outcome-not-yet = Not voted yet
outcome-later = Will vote later
outcome-will-not = Will not vote
outcome-wrong-number = Wrong number
outcome-call-back = Asked to be called later
outcome-language = Other language needed
outcome-refused = Refused to talk
outcome-opt-out = Must never be called again
outcome-machine = Answering machine
outcome-moved = Voter moved away
outcome-deceased = Voter deceased
outcome-none = no outcome when the wrap-up ended
