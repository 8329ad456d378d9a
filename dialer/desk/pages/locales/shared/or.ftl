### Odia, as far as buttons and signs go; what is not here is said in English.

language = ଭାଷା
cancel = ଥାଉ
sign-in = ସାଇନ୍ ଇନ୍ କରନ୍ତୁ
seat-offline = ଅଫ୍‌ଲାଇନ୍
seat-ready = ପ୍ରସ୍ତୁତ
seat-reserved = କଲ୍ ଆସୁଛି
seat-talking = କଥା ଚାଲିଛି
seat-paused = ବିରତିରେ
pause-break = ବିରତି
pause-preview-unanswered = ଦେଖାଯାଇଥିବା କଲ୍‌ର ଉତ୍ତର ନାହିଁ
pause-meal = ଖାଇବା
pause-training = ତାଲିମ
pause-meeting = ବୈଠକ
