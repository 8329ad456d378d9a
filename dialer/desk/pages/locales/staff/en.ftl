### Texts shared by the pages of supervisors and headquarters: sign-in, own account, charts.

sign-in-name = Name
sign-in-password = Password
own-password = Your password
password-old = Current password
password-new = New password (at least 12 characters)
password-change = Change password
password-changed = Password changed. You are signed out on all other devices.
sign-in-passkey = Sign in with a passkey
passkeys = Passkeys
passkeys-are = A passkey is stored on your device or security key and is unlocked with your finger, face or PIN. It replaces the password on this desk only.
passkey-make = Create a passkey
passkey-made = Passkey created. You can now sign in with it.
passkey-unused = Created { $at }, not used yet
passkey-used = Created { $at }, last used { $used }
passkey-remove = Remove
ask-passkey-remove = This passkey can no longer be used to sign in. Your password stays the same.
problem-once = This password was for one sign-in. Choose a new one now.
problem-expired = This one-time password has expired. Ask a supervisor for a new one.
problem-weak = Choose another password: at least 12 characters, not your name and not the old password. Four unrelated words work well.
problem-no-passkeys = Passkeys need a host name, but this desk is opened by an IP address (desk.address).
problem-passkeys-full = You have the maximum number of passkeys. Remove one first.
problem-passkey-stale = This took too long or was sent twice. Try again.
problem-passkey-wrong = This passkey is not valid here. Sign in with your password.
problem-passkey-none = No passkey was selected.
problem-full = Too many pages are open. Close one and try again.
time = Time
