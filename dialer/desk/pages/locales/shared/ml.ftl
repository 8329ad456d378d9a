title = Matdan
language = ഭാഷ
cancel = വേണ്ട
sign-in = സൈൻ ഇൻ ചെയ്യുക
sign-out = സൈൻ ഔട്ട്

problem-wrong = പേരോ പാസ്‌വേഡോ തെറ്റാണ്.
problem-locked = പല തവണ തെറ്റി. { $seconds } സെക്കൻഡ് കഴിഞ്ഞ് വീണ്ടും ശ്രമിക്കുക.
problem-busy = പലരും ഒരേ സമയം സൈൻ ഇൻ ചെയ്യുന്നു. കുറച്ചു സെക്കൻഡ് കഴിഞ്ഞ് വീണ്ടും ശ്രമിക്കുക.
problem-signed-out = നിങ്ങൾ സൈൻ ഔട്ട് ആയി. വീണ്ടും സൈൻ ഇൻ ചെയ്യുക.
problem-role = നിങ്ങളുടെ ചുമതലയ്ക്ക് ഇതിന് അനുവാദമില്ല.
problem-values = ഡെസ്കിന് ഇതു മനസ്സിലായില്ല. പേജ് വീണ്ടും തുറക്കുക.
problem-broker-away = ഒന്നും അയച്ചില്ല: ഡെസ്കിന് ബ്രോക്കറുമായി ബന്ധമില്ല.
problem-no-desk = ഡെസ്ക് മറുപടി തരുന്നില്ല. നെറ്റ്‌വർക്ക് നോക്കി വീണ്ടും ശ്രമിക്കുക.
problem-other-site = അപേക്ഷ മറ്റൊരു പേജിൽ നിന്നായതിനാൽ സ്വീകരിച്ചില്ല.
problem-not-saved = സൂക്ഷിക്കാനായില്ല: ഡെസ്കിന്റെ യന്ത്രത്തിലെ ഡിസ്ക് നോക്കുക.
problem-host = ഡെസ്ക് അതിന്റെ സ്വന്തം വിലാസത്തിൽ തുറക്കുക.
problem-nothing-here = ഇവിടെ ഒന്നുമില്ല.
problem-too-long = ഇത് വളരെ നീണ്ടതാണ്: ഒന്നും ചെയ്തില്ല. ചുരുക്കുക.
problem-not-json = ഡെസ്കിന് ഇതു മനസ്സിലായില്ല. പേജ് വീണ്ടും തുറക്കുക.
problem-no-command = ഈ ആജ്ഞ ഡെസ്കിന് അറിയില്ല. പേജ് വീണ്ടും തുറക്കുക.

seat-offline = ഓഫ്‌ലൈൻ
seat-ready = തയ്യാർ
seat-reserved = കോൾ വരുന്നു
seat-talking = സംസാരത്തിൽ
seat-wrap-up = കോളിനു ശേഷമുള്ള ജോലി
seat-paused = ഇടവേളയിൽ
seat-lost = ഫോൺ ഇല്ല

help-hold = ഹോൾഡിൽ
help-calling = സഹായത്തിനു വിളിക്കുന്നു
help-consult = ആലോചന
help-returning = വോട്ടർ തിരികെ വരുന്നു
help-merging = വോട്ടർ ചേരുന്നു
help-three-way = മൂവരും സംസാരത്തിൽ
recording-on = റെക്കോർഡ് ചെയ്യുന്നു
recording-paused = റെക്കോർഡിങ് നിർത്തി

pause-break = ഇടവേള
pause-preview-unanswered = കാണിച്ച കോളിന് മറുപടിയില്ല
pause-meal = ഭക്ഷണം
pause-training = പരിശീലനം
pause-meeting = യോഗം
pause-technical = സാങ്കേതിക തകരാർ
