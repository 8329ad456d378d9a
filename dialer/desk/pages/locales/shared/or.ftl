title = Matdan
language = ଭାଷା
cancel = ଥାଉ
sign-in = ସାଇନ୍ ଇନ୍ କରନ୍ତୁ
sign-out = ସାଇନ୍ ଆଉଟ୍

problem-wrong = ନାମ କିମ୍ବା ପାସୱାର୍ଡ ଭୁଲ।
problem-locked = ଅନେକ ଥର ଭୁଲ ହେଲା। { $seconds } ସେକେଣ୍ଡ ପରେ ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-busy = ଅନେକ ଲୋକ ଏକା ସାଙ୍ଗରେ ସାଇନ୍ ଇନ୍ କରୁଛନ୍ତି। କିଛି ସେକେଣ୍ଡ ପରେ ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-signed-out = ଆପଣ ସାଇନ୍ ଆଉଟ୍ ହୋଇଛନ୍ତି। ପୁଣି ସାଇନ୍ ଇନ୍ କରନ୍ତୁ।
problem-role = ଆପଣଙ୍କ ଭୂମିକାକୁ ଏହାର ଅନୁମତି ନାହିଁ।
problem-values = ଡେସ୍କ ଏହା ବୁଝିଲା ନାହିଁ। ପୃଷ୍ଠା ପୁଣି ଖୋଲନ୍ତୁ।
problem-broker-away = କିଛି ପଠାଯାଇ ନାହିଁ: ବ୍ରୋକର ସହ ଡେସ୍କର ସଂଯୋଗ ନାହିଁ।
problem-no-desk = ଡେସ୍କ ଉତ୍ତର ଦେଉନାହିଁ। ନେଟୱାର୍କ ଦେଖି ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-other-site = ଅନୁରୋଧ ଅନ୍ୟ ପୃଷ୍ଠାରୁ ଆସିଥିଲା, ତେଣୁ ନିଆଗଲା ନାହିଁ।
problem-not-saved = ରଖାଯାଇ ପାରିଲା ନାହିଁ: ଡେସ୍କ ମେସିନର ଡିସ୍କ ଦେଖନ୍ତୁ।
problem-host = ଡେସ୍କକୁ ତାହାର ନିଜ ଠିକଣାରେ ଖୋଲନ୍ତୁ।
problem-nothing-here = ଏଠାରେ କିଛି ନାହିଁ।
problem-too-long = ଏହା ବହୁତ ଲମ୍ବା: କିଛି ହେଲା ନାହିଁ। ଛୋଟ କରନ୍ତୁ।
problem-not-json = ଡେସ୍କ ଏହା ବୁଝିଲା ନାହିଁ। ପୃଷ୍ଠା ପୁଣି ଖୋଲନ୍ତୁ।
problem-no-command = ଡେସ୍କ ଏହି ଆଦେଶ ଜାଣେ ନାହିଁ। ପୃଷ୍ଠା ପୁଣି ଖୋଲନ୍ତୁ।

seat-offline = ଅଫ୍‌ଲାଇନ୍
seat-ready = ପ୍ରସ୍ତୁତ
seat-reserved = କଲ୍ ଆସୁଛି
seat-talking = କଥା ଚାଲିଛି
seat-wrap-up = କଲ୍ ପରର କାମ
seat-paused = ବିରତିରେ
seat-lost = ଫୋନ୍ ନାହିଁ

help-hold = ହୋଲ୍ଡରେ
help-calling = ସାହାଯ୍ୟ ପାଇଁ କଲ୍ ହେଉଛି
help-consult = ପରାମର୍ଶ
help-returning = ଭୋଟର ଫେରୁଛନ୍ତି
help-merging = ଭୋଟର ଯୋଗ ଦେଉଛନ୍ତି
help-three-way = ତିନି ଜଣଙ୍କ କଥା
recording-on = ରେକର୍ଡ ହେଉଛି
recording-paused = ରେକର୍ଡିଂ ବନ୍ଦ ଅଛି

pause-break = ବିରତି
pause-preview-unanswered = ଦେଖାଯାଇଥିବା କଲ୍‌ର ଉତ୍ତର ନାହିଁ
pause-meal = ଖାଇବା
pause-training = ତାଲିମ
pause-meeting = ବୈଠକ
pause-technical = ଯାନ୍ତ୍ରିକ ସମସ୍ୟା
