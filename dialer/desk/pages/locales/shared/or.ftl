title = Matdan
language = ଭାଷା
cancel = ବାତିଲ୍
sign-in = ସାଇନ୍ ଇନ୍ କରନ୍ତୁ
sign-out = ସାଇନ୍ ଆଉଟ୍ କରନ୍ତୁ

problem-wrong = ନାମ କିମ୍ବା ପାସୱାର୍ଡ ଭୁଲ୍।
problem-locked = ଅନେକ ଥର ଭୁଲ୍ ଚେଷ୍ଟା ହେଲା। { $seconds } ସେକେଣ୍ଡ ପରେ ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-busy = ଏବେ ଅନେକ ଲୋକ ଏକା ସାଙ୍ଗରେ ସାଇନ୍ ଇନ୍ କରୁଛନ୍ତି। କିଛି ସେକେଣ୍ଡ ପରେ ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-signed-out = ଆପଣ ସାଇନ୍ ଆଉଟ୍ ହୋଇଛନ୍ତି। ପୁଣି ସାଇନ୍ ଇନ୍ କରନ୍ତୁ।
problem-role = ଆପଣଙ୍କ ଭୂମିକାକୁ ଏହାର ଅନୁମତି ନାହିଁ।
problem-values = ସର୍ଭର ଅନୁରୋଧ ନେଲା ନାହିଁ। ପେଜ୍ ପୁଣି ଲୋଡ୍ କରନ୍ତୁ।
problem-broker-away = କିଛି ପଠାଗଲା ନାହିଁ: ବ୍ରୋକର ସହ ଡେସ୍କର ସଂଯୋଗ ନାହିଁ। ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-no-desk = ଡେସ୍କ ଉତ୍ତର ଦେଉନାହିଁ। ନେଟୱାର୍କ ଦେଖନ୍ତୁ, ତା'ପରେ ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-other-site = ଅନୁରୋଧ ନିଆଗଲା ନାହିଁ। ଏହା ଅନ୍ୟ ୱେବସାଇଟରୁ ଆସିଥିଲା।
problem-not-saved = ସେଭ୍ ହେଲା ନାହିଁ। ଡେସ୍କ ସର୍ଭରର ଡିସ୍କ ଦେଖନ୍ତୁ।
problem-host = ଏହି ଠିକଣାରେ Matdan ମିଳେ ନାହିଁ। ଆପଣଙ୍କ ଆଡମିନ ଦେଇଥିବା ଠିକଣା ଖୋଲନ୍ତୁ।
problem-nothing-here = ପେଜ୍ ମିଳିଲା ନାହିଁ।
problem-too-long = ବହୁତ ଲମ୍ବା: କିଛି ସେଭ୍ ହେଲା ନାହିଁ। ଛୋଟ କରି ପୁଣି ଚେଷ୍ଟା କରନ୍ତୁ।
problem-not-json = ସର୍ଭର ଅନୁରୋଧ ନେଲା ନାହିଁ। ପେଜ୍ ପୁଣି ଲୋଡ୍ କରନ୍ତୁ।
problem-no-command = ଅଜଣା କମାଣ୍ଡ। ପେଜ୍ ପୁଣି ଲୋଡ୍ କରନ୍ତୁ।

seat-offline = ଅଫ୍‌ଲାଇନ୍
seat-ready = ପ୍ରସ୍ତୁତ
seat-reserved = କଲ୍ ଆସୁଛି
seat-talking = କଥା ଚାଲିଛି
seat-wrap-up = କଲ୍ ପରର କାମ
seat-paused = ବିରତିରେ
seat-lost = ଫୋନର ସଂଯୋଗ ନାହିଁ

help-hold = ହୋଲ୍ଡରେ
phone-on-hold = ଫୋନରୁ ହୋଲ୍ଡରେ
help-calling = ଅନ୍ୟ ଫୋନକୁ କଲ୍ ହେଉଛି
help-consult = ପରାମର୍ଶ
help-returning = ଭୋଟରଙ୍କୁ ପୁଣି ଯୋଡ଼ାଯାଉଛି
help-merging = ତିନି ଜଣଙ୍କୁ ଯୋଡ଼ାଯାଉଛି
help-three-way = ତିନି ଜଣଙ୍କ କଲ୍
recording-on = ରେକର୍ଡ ହେଉଛି
recording-paused = ରେକର୍ଡିଂ ଅଟକିଛି

pause-break = ବିରତି
pause-preview-unanswered = ପ୍ରିଭ୍ୟୁର ଉତ୍ତର ଦିଆଗଲା ନାହିଁ
pause-meal = ଖାଇବା
pause-training = ତାଲିମ
pause-meeting = ମିଟିଂ
pause-technical = ଯାନ୍ତ୍ରିକ ସମସ୍ୟା
