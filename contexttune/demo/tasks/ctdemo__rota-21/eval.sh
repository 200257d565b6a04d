#!/bin/bash
set -uxo pipefail
cd /testbed
git config --global --add safe.directory /testbed
git status
git show
git -c core.fileMode=false diff c1e5d30f1af0b8580786a63228083a4db3978795
git checkout c1e5d30f1af0b8580786a63228083a4db3978795 tests/test_roster.py tests/test_timeset.py
git apply -v - <<'EOF_114329324912'
diff --git a/tests/test_roster.py b/tests/test_roster.py
index 35c2693f0c..091a52adcb 100644
--- a/tests/test_roster.py
+++ b/tests/test_roster.py
@@ -29,3 +29,7 @@ class RosterTest(unittest.TestCase):
     def test_people_are_sorted(self):
         roster = Roster([Shift("bo", span(9, 12)), Shift("ada", span(9, 12))])
         self.assertEqual(roster.people(), ["ada", "bo"])
+
+    def test_a_short_shift_inside_a_long_one_leaves_no_gap(self):
+        roster = Roster([Shift("ada", span(8, 18)), Shift("bo", span(12, 13))])
+        self.assertEqual(roster.gaps(TimeSet([span(8, 18)])), TimeSet())
diff --git a/tests/test_timeset.py b/tests/test_timeset.py
index 2f760dc3c8..285bb89964 100644
--- a/tests/test_timeset.py
+++ b/tests/test_timeset.py
@@ -12,6 +12,12 @@ class JoinTest(unittest.TestCase):
     def test_touching_intervals_become_one(self):
         self.assertEqual(TimeSet([span(9, 12), span(12, 15)]).intervals, (span(9, 15),))
 
+    def test_an_interval_inside_another_takes_nothing_away(self):
+        self.assertEqual(TimeSet([span(8, 18), span(12, 13)]).intervals, (span(8, 18),))
+
+    def test_an_interval_behind_a_contained_one_is_still_joined(self):
+        self.assertEqual(TimeSet([span(8, 18), span(9, 10), span(15, 20)]).intervals, (span(8, 20),))
+
     def test_separate_intervals_stay_apart(self):
         self.assertEqual(TimeSet([span(14, 15), span(9, 12)]).intervals, (span(9, 12), span(14, 15)))
 

EOF_114329324912
: '>>>>> Start Test Output'
python3 -m unittest -v tests.test_roster tests.test_timeset
: '>>>>> End Test Output'
git checkout c1e5d30f1af0b8580786a63228083a4db3978795 tests/test_roster.py tests/test_timeset.py
