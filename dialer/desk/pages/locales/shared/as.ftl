title = Matdan
language = ভাষা
cancel = থাকক
sign-in = চাইন ইন কৰক
sign-out = ছাইন আউট

problem-wrong = নাম বা পাছৱৰ্ড ভুল।
problem-locked = বহুবাৰ ভুল হ'ল। { $seconds } ছেকেণ্ড পিছত পুনৰ চেষ্টা কৰক।
problem-busy = বহুতে একেলগে ছাইন ইন কৰি আছে। কেইছেকেণ্ডমান পিছত পুনৰ চেষ্টা কৰক।
problem-signed-out = আপুনি ছাইন আউট হৈছে। পুনৰ ছাইন ইন কৰক।
problem-role = আপোনাৰ ভূমিকাত ইয়াৰ অনুমতি নাই।
problem-values = ডেস্কে এইটো বুজি নাপালে। পৃষ্ঠাটো পুনৰ খোলক।
problem-broker-away = একো পঠোৱা হোৱা নাই: ব্ৰোকাৰৰ সৈতে ডেস্কৰ সংযোগ নাই।
problem-no-desk = ডেস্কে উত্তৰ দিয়া নাই। নেটৱৰ্ক চাওক, তাৰ পিছত পুনৰ চেষ্টা কৰক।
problem-other-site = অনুৰোধটো আন পৃষ্ঠাৰ পৰা আহিছিল, সেয়ে লোৱা নহ'ল।
problem-not-saved = ৰাখিব পৰা নগ'ল: ডেস্কৰ মেচিনৰ ডিস্ক চাওক।
problem-host = ডেস্কখন তাৰ নিজৰ ঠিকনাৰে খোলক।
problem-nothing-here = ইয়াত একো নাই।
problem-too-long = এইটো বৰ দীঘল: একো কৰা নহ'ল। চুটি কৰক।
problem-not-json = ডেস্কে এইটো বুজি নাপালে। পৃষ্ঠাটো পুনৰ খোলক।
problem-no-command = ডেস্কে এই আদেশ নাজানে। পৃষ্ঠাটো পুনৰ খোলক।

seat-offline = অফলাইন
seat-ready = সাজু
seat-reserved = কল আহি আছে
seat-talking = কথা চলি আছে
seat-wrap-up = কলৰ পিছৰ কাম
seat-paused = বিৰতিত
seat-lost = ফোন নাই

help-hold = হোল্ডত
help-calling = সহায়ৰ বাবে ফোন কৰা হৈছে
help-consult = পৰামৰ্শ
help-returning = ভোটাৰ ঘূৰি আহিছে
help-merging = ভোটাৰ যোগ দিছে
help-three-way = তিনিজনৰ কথা
recording-on = ৰেকৰ্ড হৈ আছে
recording-paused = ৰেকৰ্ডিং ৰৈ আছে

pause-break = বিৰতি
pause-preview-unanswered = দেখুওৱা কলৰ উত্তৰ নাই
pause-meal = আহাৰ
pause-training = প্ৰশিক্ষণ
pause-meeting = বৈঠক
pause-technical = কাৰিকৰী সমস্যা
