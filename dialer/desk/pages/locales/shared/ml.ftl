title = Matdan
language = ഭാഷ
cancel = റദ്ദാക്കുക
sign-in = സൈൻ ഇൻ ചെയ്യുക
sign-out = സൈൻ ഔട്ട് ചെയ്യുക

problem-wrong = പേരോ പാസ്‌വേഡോ തെറ്റാണ്.
problem-locked = ഒരുപാടു തവണ തെറ്റി. { $seconds } സെക്കൻഡ് കഴിഞ്ഞ് വീണ്ടും ശ്രമിക്കുക.
problem-busy = ഇപ്പോൾ പലരും സൈൻ ഇൻ ചെയ്യുന്നു. കുറച്ചു സെക്കൻഡ് കഴിഞ്ഞ് വീണ്ടും ശ്രമിക്കുക.
problem-signed-out = നിങ്ങൾ സൈൻ ഔട്ട് ആണ്. വീണ്ടും സൈൻ ഇൻ ചെയ്യുക.
problem-role = നിങ്ങളുടെ റോളിന് ഇതിന് അനുവാദമില്ല.
problem-values = സെർവർ അപേക്ഷ സ്വീകരിച്ചില്ല. പേജ് റീലോഡ് ചെയ്യുക.
problem-broker-away = ഒന്നും അയച്ചില്ല: ഡെസ്കിന് ബ്രോക്കറുമായി ബന്ധമില്ല. വീണ്ടും ശ്രമിക്കുക.
problem-no-desk = ഡെസ്ക് മറുപടി തരുന്നില്ല. നെറ്റ്‌വർക്ക് നോക്കുക, എന്നിട്ട് വീണ്ടും ശ്രമിക്കുക.
problem-other-site = അപേക്ഷ നിരസിച്ചു. അത് മറ്റൊരു വെബ്സൈറ്റിൽ നിന്നാണ് വന്നത്.
problem-not-saved = സേവ് ആയില്ല. ഡെസ്ക് സെർവറിന്റെ ഡിസ്ക് നോക്കുക.
problem-host = ഈ വിലാസത്തിൽ Matdan ലഭ്യമല്ല. അഡ്മിൻ തന്ന വിലാസം തുറക്കുക.
problem-nothing-here = പേജ് കണ്ടില്ല.
problem-too-long = നീളം കൂടുതലാണ്: ഒന്നും സേവ് ആയില്ല. ചുരുക്കി വീണ്ടും ശ്രമിക്കുക.
problem-not-json = സെർവർ അപേക്ഷ സ്വീകരിച്ചില്ല. പേജ് റീലോഡ് ചെയ്യുക.
problem-no-command = അറിയാത്ത കമാൻഡ്. പേജ് റീലോഡ് ചെയ്യുക.

seat-offline = ഓഫ്‌ലൈൻ
seat-ready = തയ്യാർ
seat-reserved = കോൾ വരുന്നു
seat-talking = സംസാരിക്കുന്നു
seat-wrap-up = റാപ്-അപ്പ്
seat-paused = ഇടവേളയിൽ
seat-lost = ഫോൺ ബന്ധം മുറിഞ്ഞു

help-hold = ഹോൾഡിൽ
phone-on-hold = ഫോൺ വഴി ഹോൾഡിൽ
help-calling = മറ്റൊരു ഫോണിലേക്കു വിളിക്കുന്നു
help-consult = ആലോചന
help-returning = വോട്ടറെ വീണ്ടും കണക്റ്റ് ചെയ്യുന്നു
help-merging = മൂന്നുപേരെയും കണക്റ്റ് ചെയ്യുന്നു
help-three-way = മൂന്നുപേരുടെ കോൾ
recording-on = റെക്കോർഡ് ചെയ്യുന്നു
recording-paused = റെക്കോർഡിങ് നിർത്തിവെച്ചു

pause-break = വിശ്രമം
pause-preview-unanswered = പ്രിവ്യൂവിന് മറുപടി നൽകിയില്ല
pause-meal = ഭക്ഷണം
pause-training = പരിശീലനം
pause-meeting = മീറ്റിങ്
pause-technical = സാങ്കേതിക തകരാർ
