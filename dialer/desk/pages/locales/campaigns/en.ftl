### Texts of the page on which campaigns are set up, in English. The texts of the board are loaded too.

campaign-state = State
campaign-content = Script or call flow
campaign-action = Actions
campaigns-help = All campaigns call the numbers of the voter rolls. Import rolls under "Voter rolls".

new-campaign = New campaign
edit-campaign = Edit campaign { $campaign }
remove-campaign = Remove campaign { $campaign }
campaign-edit = Edit
campaign-remove = Remove
not-set = Not set
hours-start = Start of calling hours
hours-until = End of calling hours
hours-add = Add another period
hours-remove = Remove this period

check-incomplete = Fill in the required fields. The campaign is then checked against the calling rules.
check-running = Checking the campaign
check-problems = Correct the marked fields before you save the campaign.
rules-say = Result of the check
finding-ok = No problem
finding-warning = Please note
finding-error = Must be corrected
campaign-save = Save campaign
campaign-help-add = The campaign is saved paused. It places no calls until you press "Start campaign".
campaign-saved-add = Campaign { $campaign } is saved and paused.
campaign-help-edit = The change applies at once, also if the campaign is running. Calls in progress continue.
campaign-help-remove = The campaign places no more calls. Calls in progress continue. Its results stay in the reports.
campaign-saved-edit = Campaign { $campaign } is changed.
campaign-saved-remove = Campaign { $campaign } is removed.

drafts = Drafts
drafts-help = A draft places no calls. It may be incomplete, and stays here until it is saved as a campaign or deleted.
draft-edits = Change of a campaign
draft-unnamed = No name yet
draft-saved-by = Draft saved by { $name }, { $time }
draft-missing = Missing: { $fields }
draft-complete = The form is complete.
draft-approved = Approved by { $name }. Save it as a campaign.
draft-not-approved = Another supervisor must approve it.
draft-open = Open
draft-delete = Delete draft
ask-draft-delete = The draft of { $campaign } will be deleted. Campaigns do not change.
draft-is-deleted = The draft is deleted.
draft-save = Save draft
draft-is-saved = The draft is saved. It places no calls.
draft-approve = Approve
draft-is-approved = The draft is approved. It can be saved as a campaign now.
approval-needed = Another supervisor must approve this change. Save it as a draft first.
approval-awaited = Another supervisor must open and approve this draft. Then reload the page.
approval-yours = Read the change and the result of the check. If both are right, approve the draft of { $name }.
approval-given = Approved by { $name }

what-if = Pacing simulation
what-if-help = Simulates two hours of dialling in which this campaign has all agents. Other campaigns and the limits of the trunks are left out.
what-if-agents = Agents
what-if-answer-rate = Answered calls (%)
what-if-talk = Mean talk time (s)
what-if-run = Simulate
what-if-running = Simulating
what-if-idle = An agent waits { $seconds } s between calls.
what-if-contacts = Voters connected to agents in an hour: { $contacts }
what-if-abandoned = Abandoned rate { $rate }, limit { $limit }

problem-simulation-running = Another simulation is running. Try again in a few seconds.
problem-no-campaigns-file = Campaigns cannot be changed here. Ask your administrator to set `desk.campaigns_file` and to restart the desk.
problem-campaigns-changed = Nothing was saved: somebody else has changed the campaigns meanwhile. Read the new result of the check, then save again.
problem-campaign-invalid = Nothing was saved: { $text }

problem-draft-changed = The draft or its campaign has been changed or deleted meanwhile. Reload the page, then open the draft again.
problem-too-many-drafts = There are 20 drafts already. Delete one, then save again.
problem-own-draft = You saved this draft yourself. Another supervisor must approve it.
problem-not-approved = Nothing was saved: another supervisor must first approve exactly this change.
problem-approval-not-audited = The draft was not approved, because the dialler could not record it in the audit log. Try again.

## Settings of a campaign

field-id = Name
field-kind = Who talks to voters
field-purpose = Purpose
field-script = Agents' script
field-flow = Call flow
field-pacing = Dialling mode
field-hours = Calling hours
field-trunks = Trunks
field-skill = Skill that agents need
field-weight = Weight
field-channels = Highest number of calls at once
field-max-attempts = Attempts per number
field-candidate = Candidate

help-id = Lower-case letters, digits and hyphens. Board, reports and commands show this name.
help-kind = Agents talk to the voters, or a call flow plays recordings and reads their keys.
help-purpose = The calling rules depend on the purpose.
help-script = What agents read to the voter. It must be written for the purpose of the campaign.
help-flow = What voters hear and which keys they can press.
help-pacing = If not set, calls are dialled before an agent is free (predictive). Calls to booth workers always wait for a free agent.
help-hours = In the centre's time zone. The legal hours apply too.
help-trunks = Voters see the caller IDs of these trunks. The trunk that you tick first is used first. If you tick none, all trunks are used.
help-skill = Only agents with this skill get the calls. If not set, all agents get them.
help-weight = Share of the agents' time, compared with the weights of other campaigns.
help-channels = If empty, the limits of the trunks apply.
help-max-attempts = How often this campaign calls a number at most.
help-candidate = This name is shown in the expenditure report, where the law requires one.

kind-is-agents = agents
kind-is-ivr = call flow
purpose-is-turnout = turnout
purpose-is-material = campaign material
purpose-is-survey = survey
purpose-is-booth-workers = calls to booth workers
pacing-is-predictive = predictive (dials before an agent is free)
pacing-is-progressive = progressive (one call for each available agent)
pacing-is-ratio = fixed number of calls for each available agent
pacing-is-preview = preview (agents see the voter first)
