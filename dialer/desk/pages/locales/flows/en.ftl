### Texts of the page with the call flows, in English. The texts of the board are loaded too.

flows = Call flows
flows-help = A call flow is what callers hear and which keys they can press. Campaigns and inbound numbers use it.
flows-back = All call flows
flow-name = Name
flow-title = Title
flow-purpose = Purpose
flow-origin = Origin
flow-used-by = Used by
flow-state = Result of the check
flow-action = Open
flow-open = Open
flow-valid = No mistakes
flow-warnings = { $count ->
    [one] One warning
   *[other] { $count } warnings
  }
flow-errors = { $count ->
    [one] One error
   *[other] { $count } errors
  }
flow-checking = Checking the call flow
flow-line = Line { $line }
flow-language = Language of the call
flow-text = Text of { $flow }
flow-text-label = Text of the call flow
drawing = Diagram
drawing-none = There is no diagram yet. Correct the errors first.
drawing-exceptions = After silence, a wrong key or a failure

flow-copy = Copy
flow-copy-text = The copy is saved in { $folder }.
flow-copy-name = Name of the copy
flow-copy-wrong = Nothing was copied: use 1 to 40 lower-case letters, digits and underscores, with a letter first.
flow-copy-taken = Nothing was copied: there is already a call flow { $flow }.
flow-read-only = This call flow cannot be changed here. Copy it, then change the copy.
flow-no-folder = Call flows cannot be changed here. Ask your administrator to set `desk.flows_folder` and to restart the desk.
flow-changes = Changes to be saved
flow-unchanged = There are no changes to save.
flow-save = Save
flow-save-help = Calls that start after saving use the new text, if their campaign uses { $file } as its call flow.
flow-saved = { $flow } is saved.
flow-refused = The dialler refused the call flow, so nothing was saved: { $text }
flow-unanswered = { $flow } is saved, but the dialler did not answer. It is used when the call flows are next reloaded.
flow-discard = Discard changes
ask-flow-discard = Your changes to { $flow } are lost.

origin-shipped = Shipped with Matdan
origin-own = Flow made at this site
origin-named = File named in the settings

flow-purpose-turnout = Turnout
flow-purpose-material = Campaign material
flow-purpose-information = Information
flow-purpose-confirmation = Call back after a missed call
flow-purpose-inbound = Inbound calls
flow-purpose-worker = Booth workers
flow-purpose-opt-out = Opt-out
flow-purpose-abandoned = No agent was free
flow-purpose-part = Part of other call flows

try = Try it out
try-help = You are the caller. Nothing is saved, and nobody is called.
try-start = Start the call
try-again = Start again
try-agent = Assume that an agent is available
try-store = Assume that answers can be saved
try-sound = Play recordings
try-play = Play: { $text }
try-facts = What is known about the caller
try-facts-help = An empty field means that it is not known.
try-keys = { $end ->
    [none] { $digits ->
        [one] Your key
       *[other] Your digits, up to { $digits }
      }
   *[other] Your digits, up to { $digits }. { $end } ends them.
  }
try-send = Send
try-silence = Press no key
try-message = Leave a message
try-hang-up = Hang up
try-transcript = The call so far
try-answers = The caller's answers:
try-no-answers = The caller gave no answers.
try-outdated = The text was changed after this call started. Start again to try the new text.
line-prompt = Call flow:
line-keys = Keys:
line-silence = No key
line-message = A message
line-hang-up = Hung up
line-result = Result:
ending-completed = The call flow has ended.
ending-transferred = An agent has taken the call.
ending-hung-up = The caller hung up.
ending-too-long = The call was ended because it took too long.
ending-fault = The call was ended because the call flow loops without end.

problem-flow-unknown = This call flow no longer exists. Go back to the list.
problem-flow-invalid = The call flow has an error: { $text }
problem-flow-changed = Nothing was saved: somebody else has changed the file since you opened it. Copy your changes elsewhere, discard them here, then make them again.
problem-flow-read-only = Nothing was saved: this call flow cannot be changed here. Copy it, then change the copy.
problem-flow-not-written = The call flow was not saved: { $text }
problem-fact-invalid = The call cannot start: { $text }
problem-flows-unreadable = The call flows cannot be read: { $text }
problem-sound-missing = This recording cannot be played.
