### What the pages of supervisors and of headquarters have in common: signing in, the own account, charts.

sign-in-name = Name
sign-in-password = Password
own-password = Your password
password-old = Password now
password-new = New password (12 characters or more)
password-change = Change password
password-changed = Your password is changed. You are signed out everywhere else.
sign-in-passkey = Sign in with a passkey
passkeys = Passkeys
passkeys-are = A passkey is kept by your device or security key, and opens with your finger, face or PIN. It takes the place of the password on this desk alone.
passkey-make = Make a passkey
passkey-made = The passkey is made: you can sign in with it.
passkey-unused = Made on { $at }, not used yet
passkey-used = Made on { $at }, last used on { $used }
passkey-remove = Remove
ask-passkey-remove = Nobody can sign in with this passkey any more. Your password stays.
problem-once = This password is for one sign-in: choose a new one now.
problem-expired = This one-time password is too old. Ask a supervisor for a new one.
problem-weak = Choose another password: 12 characters or more, not the name and not the old one. Four words that nobody would put together will do.
problem-no-passkeys = This desk is opened by a number: passkeys need a name for an address (desk.address).
problem-passkeys-full = You have as many passkeys as anybody may: remove one first.
problem-passkey-stale = That took too long, or was sent twice. Try again.
problem-passkey-wrong = This passkey does not let anybody in here. Sign in with your password.
problem-passkey-none = No passkey was used.
problem-full = Too many boards are open.
time = Time
