### Malayalam, as far as buttons and signs go; what is not here is said in English.

language = ഭാഷ
cancel = വേണ്ട
sign-in = സൈൻ ഇൻ ചെയ്യുക
seat-offline = ഓഫ്‌ലൈൻ
seat-ready = തയ്യാർ
seat-reserved = കോൾ വരുന്നു
seat-talking = സംസാരത്തിൽ
seat-paused = ഇടവേളയിൽ
pause-break = ഇടവേള
pause-preview-unanswered = കാണിച്ച കോളിന് മറുപടിയില്ല
pause-meal = ഭക്ഷണം
pause-training = പരിശീലനം
pause-meeting = യോഗം
