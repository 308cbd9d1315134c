<?xml version="1.0" encoding="utf-8"?>
<TS version="2.1" language="en" sourcelanguage="en">
 <context>
  <name>Canvas</name>
  <message>
   <source>Drop a chest film here</source>
   <translation>Drop a chest film here</translation>
  </message>
  <message>
   <source>Film</source>
   <translation>Film</translation>
  </message>
  <message>
   <source>Opening the film …</source>
   <translation>Opening the film …</translation>
  </message>
  <message>
   <source>check</source>
   <translation>check</translation>
  </message>
  <message>
   <source>or press Ctrl+O to open DICOM, PNG, TIFF or JPEG, or a folder</source>
   <translation>or press Ctrl+O to open DICOM, PNG, TIFF or JPEG, or a folder</translation>
  </message>
  <message>
   <source>x {x}  y {y}   stored {stored}   value {value}   shown {level}</source>
   <translation>x {x}  y {y}   stored {stored}   value {value}   shown {level}</translation>
  </message>
 </context>
 <context>
  <name>ChangesModel</name>
  <message>
   <source>change</source>
   <translation>change</translation>
  </message>
  <message>
   <source>now</source>
   <translation>now</translation>
  </message>
  <message>
   <source>then</source>
   <translation>then</translation>
  </message>
 </context>
 <context>
  <name>ChangesPanel</name>
  <message>
   <source>Another patient ID: is this the same patient?</source>
   <translation>Another patient ID: is this the same patient?</translation>
  </message>
  <message>
   <source>By its date, the prior is the later film.</source>
   <translation>By its date, the prior is the later film.</translation>
  </message>
  <message>
   <source>Changes since the prior</source>
   <translation>Changes since the prior</translation>
  </message>
  <message>
   <source>Outline the prior's lungs</source>
   <translation>Outline the prior's lungs</translation>
  </message>
  <message>
   <source>Outline this film too, and the changes are shown.</source>
   <translation>Outline this film too, and the changes are shown.</translation>
  </message>
  <message>
   <source>Outlining the prior …</source>
   <translation>Outlining the prior …</translation>
  </message>
  <message>
   <source>Prior of {date}. {about}</source>
   <translation>Prior of {date}. {about}</translation>
  </message>
  <message>
   <source>The prior has no outlines yet.</source>
   <translation>The prior has no outlines yet.</translation>
  </message>
  <message>
   <source>The prior: {what}</source>
   <translation>The prior: {what}</translation>
  </message>
  <message>
   <source>The two films are of different views.</source>
   <translation>The two films are of different views.</translation>
  </message>
 </context>
 <context>
  <name>Commands</name>
  <message>
   <source>About Lungbox</source>
   <translation>About Lungbox</translation>
  </message>
  <message>
   <source>Accept and export</source>
   <translation>Accept and export</translation>
  </message>
  <message>
   <source>Both lungs</source>
   <translation>Both lungs</translation>
  </message>
  <message>
   <source>Box</source>
   <translation>Box</translation>
  </message>
  <message>
   <source>Brush</source>
   <translation>Brush</translation>
  </message>
  <message>
   <source>Calibrate by the last distance …</source>
   <translation>Calibrate by the last distance …</translation>
  </message>
  <message>
   <source>Cancel, then deselect</source>
   <translation>Cancel, then deselect</translation>
  </message>
  <message>
   <source>Clip to box</source>
   <translation>Clip to box</translation>
  </message>
  <message>
   <source>Close</source>
   <translation>Close</translation>
  </message>
  <message>
   <source>Compare with a prior …</source>
   <translation>Compare with a prior …</translation>
  </message>
  <message>
   <source>Corner text</source>
   <translation>Corner text</translation>
  </message>
  <message>
   <source>Correct for magnification</source>
   <translation>Correct for magnification</translation>
  </message>
  <message>
   <source>Delete selected</source>
   <translation>Delete selected</translation>
  </message>
  <message>
   <source>Distance</source>
   <translation>Distance</translation>
  </message>
  <message>
   <source>Edit shortcuts …</source>
   <translation>Edit shortcuts …</translation>
  </message>
  <message>
   <source>Eraser</source>
   <translation>Eraser</translation>
  </message>
  <message>
   <source>Exchange right and left</source>
   <translation>Exchange right and left</translation>
  </message>
  <message>
   <source>Export de-identified …</source>
   <translation>Export de-identified …</translation>
  </message>
  <message>
   <source>Export …</source>
   <translation>Export …</translation>
  </message>
  <message>
   <source>Fainter fill</source>
   <translation>Fainter fill</translation>
  </message>
  <message>
   <source>Fill holes</source>
   <translation>Fill holes</translation>
  </message>
  <message>
   <source>Fill, contour, off (hold to peek)</source>
   <translation>Fill, contour, off (hold to peek)</translation>
  </message>
  <message>
   <source>Film</source>
   <translation>Film</translation>
  </message>
  <message>
   <source>Film, list, structures, numbers in turn</source>
   <translation>Film, list, structures, numbers in turn</translation>
  </message>
  <message>
   <source>Fit the film</source>
   <translation>Fit the film</translation>
  </message>
  <message>
   <source>Flag for another look</source>
   <translation>Flag for another look</translation>
  </message>
  <message>
   <source>Flip left and right</source>
   <translation>Flip left and right</translation>
  </message>
  <message>
   <source>Full screen</source>
   <translation>Full screen</translation>
  </message>
  <message>
   <source>Grow</source>
   <translation>Grow</translation>
  </message>
  <message>
   <source>Hand</source>
   <translation>Hand</translation>
  </message>
  <message>
   <source>Heart callipers</source>
   <translation>Heart callipers</translation>
  </message>
  <message>
   <source>Hide names</source>
   <translation>Hide names</translation>
  </message>
  <message>
   <source>Histogram</source>
   <translation>Histogram</translation>
  </message>
  <message>
   <source>Invert</source>
   <translation>Invert</translation>
  </message>
  <message>
   <source>Keep largest part</source>
   <translation>Keep largest part</translation>
  </message>
  <message>
   <source>Larger brush</source>
   <translation>Larger brush</translation>
  </message>
  <message>
   <source>Magnifier</source>
   <translation>Magnifier</translation>
  </message>
  <message>
   <source>Model …</source>
   <translation>Model …</translation>
  </message>
  <message>
   <source>Name another structure …</source>
   <translation>Name another structure …</translation>
  </message>
  <message>
   <source>New box by keyboard</source>
   <translation>New box by keyboard</translation>
  </message>
  <message>
   <source>Next film</source>
   <translation>Next film</translation>
  </message>
  <message>
   <source>Next structure</source>
   <translation>Next structure</translation>
  </message>
  <message>
   <source>One to one</source>
   <translation>One to one</translation>
  </message>
  <message>
   <source>Open case …</source>
   <translation>Open case …</translation>
  </message>
  <message>
   <source>Open film …</source>
   <translation>Open film …</translation>
  </message>
  <message>
   <source>Open folder …</source>
   <translation>Open folder …</translation>
  </message>
  <message>
   <source>Open results …</source>
   <translation>Open results …</translation>
  </message>
  <message>
   <source>Outline again</source>
   <translation>Outline again</translation>
  </message>
  <message>
   <source>Outline the prior's lungs</source>
   <translation>Outline the prior's lungs</translation>
  </message>
  <message>
   <source>Outlines</source>
   <translation>Outlines</translation>
  </message>
  <message>
   <source>Point</source>
   <translation>Point</translation>
  </message>
  <message>
   <source>Polygon</source>
   <translation>Polygon</translation>
  </message>
  <message>
   <source>Previous film</source>
   <translation>Previous film</translation>
  </message>
  <message>
   <source>Previous structure</source>
   <translation>Previous structure</translation>
  </message>
  <message>
   <source>Program</source>
   <translation>Program</translation>
  </message>
  <message>
   <source>Quit</source>
   <translation>Quit</translation>
  </message>
  <message>
   <source>Redo</source>
   <translation>Redo</translation>
  </message>
  <message>
   <source>Rename …</source>
   <translation>Rename …</translation>
  </message>
  <message>
   <source>Reset view</source>
   <translation>Reset view</translation>
  </message>
  <message>
   <source>Rotate left</source>
   <translation>Rotate left</translation>
  </message>
  <message>
   <source>Rotate right</source>
   <translation>Rotate right</translation>
  </message>
  <message>
   <source>Save case</source>
   <translation>Save case</translation>
  </message>
  <message>
   <source>Save case as …</source>
   <translation>Save case as …</translation>
  </message>
  <message>
   <source>Set window …</source>
   <translation>Set window …</translation>
  </message>
  <message>
   <source>Settings …</source>
   <translation>Settings …</translation>
  </message>
  <message>
   <source>Shortcuts</source>
   <translation>Shortcuts</translation>
  </message>
  <message>
   <source>Show panel</source>
   <translation>Show panel</translation>
  </message>
  <message>
   <source>Show the log</source>
   <translation>Show the log</translation>
  </message>
  <message>
   <source>Show what was exported</source>
   <translation>Show what was exported</translation>
  </message>
  <message>
   <source>Show worklist</source>
   <translation>Show worklist</translation>
  </message>
  <message>
   <source>Shrink</source>
   <translation>Shrink</translation>
  </message>
  <message>
   <source>Smaller brush</source>
   <translation>Smaller brush</translation>
  </message>
  <message>
   <source>Smooth</source>
   <translation>Smooth</translation>
  </message>
  <message>
   <source>Stronger fill</source>
   <translation>Stronger fill</translation>
  </message>
  <message>
   <source>Tools</source>
   <translation>Tools</translation>
  </message>
  <message>
   <source>Tour</source>
   <translation>Tour</translation>
  </message>
  <message>
   <source>Uncertainty band</source>
   <translation>Uncertainty band</translation>
  </message>
  <message>
   <source>Undo</source>
   <translation>Undo</translation>
  </message>
  <message>
   <source>View</source>
   <translation>View</translation>
  </message>
  <message>
   <source>Window and level</source>
   <translation>Window and level</translation>
  </message>
  <message>
   <source>Window preset</source>
   <translation>Window preset</translation>
  </message>
  <message>
   <source>Zoom in</source>
   <translation>Zoom in</translation>
  </message>
  <message>
   <source>Zoom out</source>
   <translation>Zoom out</translation>
  </message>
 </context>
 <context>
  <name>DeidentifyDialog</name>
  <message>
   <source>Export de-identified</source>
   <translation>Export de-identified</translation>
  </message>
  <message>
   <source>I have looked: the film shows no name or number</source>
   <translation>I have looked: the film shows no name or number</translation>
  </message>
  <message>
   <source>Keep the patient's sex and age</source>
   <translation>Keep the patient's sex and age</translation>
  </message>
  <message>
   <source>Names, dates, numbers and comments of the file are left out, and every UID is a new one.</source>
   <translation>Names, dates, numbers and comments of the file are left out, and every UID is a new one.</translation>
  </message>
  <message>
   <source>No program can promise that no name is written on the film itself. Please look at it.</source>
   <translation>No program can promise that no name is written on the film itself. Please look at it.</translation>
  </message>
  <message>
   <source>The file says that text is burned into the film: results that show it are left out.</source>
   <translation>The file says that text is burned into the film: results that show it are left out.</translation>
  </message>
  <message>
   <source>The film itself and every result that shows it are written too.</source>
   <translation>The film itself and every result that shows it are written too.</translation>
  </message>
  <message>
   <source>Without this, results that show the film are left out; outlines and numbers are written.</source>
   <translation>Without this, results that show the film are left out; outlines and numbers are written.</translation>
  </message>
 </context>
 <context>
  <name>EntryDelegate</name>
  <message>
   <source>not readable</source>
   <translation>not readable</translation>
  </message>
 </context>
 <context>
  <name>FindingDelegate</name>
  <message>
   <source>quality</source>
   <translation>quality</translation>
  </message>
 </context>
 <context>
  <name>FindingsPanel</name>
  <message>
   <source>+ Name another structure</source>
   <translation>+ Name another structure</translation>
  </message>
  <message>
   <source>Accept and export</source>
   <translation>Accept and export</translation>
  </message>
  <message>
   <source>Change</source>
   <translation>Change</translation>
  </message>
  <message>
   <source>Choose a row to see how it was measured.</source>
   <translation>Choose a row to see how it was measured.</translation>
  </message>
  <message>
   <source>Drag a box round a lung, or press L for both.</source>
   <translation>Drag a box round a lung, or press L for both.</translation>
  </message>
  <message>
   <source>Flag</source>
   <translation>Flag</translation>
  </message>
  <message>
   <source>MEASUREMENTS</source>
   <translation>MEASUREMENTS</translation>
  </message>
  <message>
   <source>Measurements</source>
   <translation>Measurements</translation>
  </message>
  <message>
   <source>Measurements or changes</source>
   <translation>Measurements or changes</translation>
  </message>
  <message>
   <source>STRUCTURES</source>
   <translation>STRUCTURES</translation>
  </message>
  <message>
   <source>Structures</source>
   <translation>Structures</translation>
  </message>
  <message>
   <source>{structure}: the model is unsure of this outline. Check it.</source>
   <translation>{structure}: the model is unsure of this outline. Check it.</translation>
  </message>
 </context>
 <context>
  <name>Histogram</name>
  <message>
   <source>Histogram</source>
   <translation>Histogram</translation>
  </message>
 </context>
 <context>
  <name>HistogramDialog</name>
  <message>
   <source>Histogram</source>
   <translation>Histogram</translation>
  </message>
 </context>
 <context>
  <name>LengthDialog</name>
  <message>
   <source>Calibrate</source>
   <translation>Calibrate</translation>
  </message>
  <message>
   <source>True length of the last distance. Every millimetre on this film will follow it.</source>
   <translation>True length of the last distance. Every millimetre on this film will follow it.</translation>
  </message>
 </context>
 <context>
  <name>MeasurementsModel</name>
  <message>
   <source>both</source>
   <translation>both</translation>
  </message>
  <message>
   <source>left</source>
   <translation>left</translation>
  </message>
  <message>
   <source>prompt interval</source>
   <translation>prompt interval</translation>
  </message>
  <message>
   <source>right</source>
   <translation>right</translation>
  </message>
  <message>
   <source>{ends} over boxes drawn a little differently</source>
   <translation>{ends} over boxes drawn a little differently</translation>
  </message>
 </context>
 <context>
  <name>NameDialog</name>
  <message>
   <source>Another …</source>
   <translation>Another …</translation>
  </message>
  <message>
   <source>Name</source>
   <translation>Name</translation>
  </message>
  <message>
   <source>Name a structure</source>
   <translation>Name a structure</translation>
  </message>
  <message>
   <source>Structure</source>
   <translation>Structure</translation>
  </message>
  <message>
   <source>for example heart</source>
   <translation>for example heart</translation>
  </message>
 </context>
 <context>
  <name>Offer</name>
  <message>
   <source>Not now</source>
   <translation>Not now</translation>
  </message>
  <message>
   <source>Open them</source>
   <translation>Open them</translation>
  </message>
  <message>
   <source>Results of {date} by {reader} lie beside this film. Open them?</source>
   <translation>Results of {date} by {reader} lie beside this film. Open them?</translation>
  </message>
  <message>
   <source>Results of {date} lie beside this film. Open them?</source>
   <translation>Results of {date} lie beside this film. Open them?</translation>
  </message>
 </context>
 <context>
  <name>PriorView</name>
  <message>
   <source>Close the prior</source>
   <translation>Close the prior</translation>
  </message>
  <message>
   <source>Prior</source>
   <translation>Prior</translation>
  </message>
  <message>
   <source>Prior film</source>
   <translation>Prior film</translation>
  </message>
 </context>
 <context>
  <name>SettingsDialog</name>
  <message>
   <source>Choose</source>
   <translation>Choose</translation>
  </message>
  <message>
   <source>Display</source>
   <translation>Display</translation>
  </message>
  <message>
   <source>Export</source>
   <translation>Export</translation>
  </message>
  <message>
   <source>General</source>
   <translation>General</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Model</translation>
  </message>
  <message>
   <source>Settings</source>
   <translation>Settings</translation>
  </message>
  <message>
   <source>beside the documents</source>
   <translation>beside the documents</translation>
  </message>
  <message>
   <source>the bundled one</source>
   <translation>the bundled one</translation>
  </message>
 </context>
 <context>
  <name>ShortcutEditor</name>
  <message>
   <source>Back to the profile's own keys</source>
   <translation>Back to the profile's own keys</translation>
  </message>
  <message>
   <source>Chest (ours)</source>
   <translation>Chest (ours)</translation>
  </message>
  <message>
   <source>Edit shortcuts</source>
   <translation>Edit shortcuts</translation>
  </message>
  <message>
   <source>OHIF</source>
   <translation>OHIF</translation>
  </message>
  <message>
   <source>Two commands share a key:</source>
   <translation>Two commands share a key:</translation>
  </message>
  <message>
   <source>Weasis, IHE</source>
   <translation>Weasis, IHE</translation>
  </message>
 </context>
 <context>
  <name>ShortcutSheet</name>
  <message>
   <source>  coarse, fine</source>
   <translation>  coarse, fine</translation>
  </message>
  <message>
   <source>Brush size</source>
   <translation>Brush size</translation>
  </message>
  <message>
   <source>Ctrl + wheel</source>
   <translation>Ctrl + wheel</translation>
  </message>
  <message>
   <source>Ctrl, Alt</source>
   <translation>Ctrl, Alt</translation>
  </message>
  <message>
   <source>Ctrl, Alt + click</source>
   <translation>Ctrl, Alt + click</translation>
  </message>
  <message>
   <source>MOUSE</source>
   <translation>MOUSE</translation>
  </message>
  <message>
   <source>Menu</source>
   <translation>Menu</translation>
  </message>
  <message>
   <source>Move the selected box</source>
   <translation>Move the selected box</translation>
  </message>
  <message>
   <source>New box although one is there</source>
   <translation>New box although one is there</translation>
  </message>
  <message>
   <source>Next, previous film</source>
   <translation>Next, previous film</translation>
  </message>
  <message>
   <source>Pan</source>
   <translation>Pan</translation>
  </message>
  <message>
   <source>Point in, point out</source>
   <translation>Point in, point out</translation>
  </message>
  <message>
   <source>Resize the selected box</source>
   <translation>Resize the selected box</translation>
  </message>
  <message>
   <source>Shift + arrows</source>
   <translation>Shift + arrows</translation>
  </message>
  <message>
   <source>Shift + drag</source>
   <translation>Shift + drag</translation>
  </message>
  <message>
   <source>Shift + wheel</source>
   <translation>Shift + wheel</translation>
  </message>
  <message>
   <source>Shortcuts</source>
   <translation>Shortcuts</translation>
  </message>
  <message>
   <source>Tool; with the box tool, a box</source>
   <translation>Tool; with the box tool, a box</translation>
  </message>
  <message>
   <source>Whole film, one to one</source>
   <translation>Whole film, one to one</translation>
  </message>
  <message>
   <source>Window: width and level</source>
   <translation>Window: width and level</translation>
  </message>
  <message>
   <source>Zoom at the pointer</source>
   <translation>Zoom at the pointer</translation>
  </message>
  <message>
   <source>arrows; Ctrl: 10 px</source>
   <translation>arrows; Ctrl: 10 px</translation>
  </message>
  <message>
   <source>double click</source>
   <translation>double click</translation>
  </message>
  <message>
   <source>left drag</source>
   <translation>left drag</translation>
  </message>
  <message>
   <source>left drag, with its tool</source>
   <translation>left drag, with its tool</translation>
  </message>
  <message>
   <source>middle drag, Space + drag</source>
   <translation>middle drag, Space + drag</translation>
  </message>
  <message>
   <source>right click</source>
   <translation>right click</translation>
  </message>
  <message>
   <source>right drag</source>
   <translation>right drag</translation>
  </message>
  <message>
   <source>wheel</source>
   <translation>wheel</translation>
  </message>
  <message>
   <source>← →; Ctrl + arrows: 10 px</source>
   <translation>← →; Ctrl + arrows: 10 px</translation>
  </message>
 </context>
 <context>
  <name>StatusLine</name>
  <message>
   <source>Self-test: {result}</source>
   <translation>Self-test: {result}</translation>
  </message>
  <message>
   <source>box to outline {ms} ms</source>
   <translation>box to outline {ms} ms</translation>
  </message>
  <message>
   <source>encoding the film</source>
   <translation>encoding the film</translation>
  </message>
  <message>
   <source>film encoded in {ms} ms</source>
   <translation>film encoded in {ms} ms</translation>
  </message>
  <message>
   <source>journal cannot be written</source>
   <translation>journal cannot be written</translation>
  </message>
  <message>
   <source>journalled {seconds} s ago</source>
   <translation>journalled {seconds} s ago</translation>
  </message>
  <message>
   <source>loading the model</source>
   <translation>loading the model</translation>
  </message>
  <message>
   <source>no model: draw by hand with brush and polygon</source>
   <translation>no model: draw by hand with brush and polygon</translation>
  </message>
  <message>
   <source>ready</source>
   <translation>ready</translation>
  </message>
  <message>
   <source>ready, no film</source>
   <translation>ready, no film</translation>
  </message>
  <message>
   <source>research use, not a medical device</source>
   <translation>research use, not a medical device</translation>
  </message>
  <message>
   <source>saved</source>
   <translation>saved</translation>
  </message>
  <message>
   <source>self-test failed: do not trust the outlines</source>
   <translation>self-test failed: do not trust the outlines</translation>
  </message>
 </context>
 <context>
  <name>Toast</name>
  <message>
   <source>Close this message</source>
   <translation>Close this message</translation>
  </message>
 </context>
 <context>
  <name>Tour</name>
  <message>
   <source>1 of 4: Outline</source>
   <translation>1 of 4: Outline</translation>
  </message>
  <message>
   <source>2 of 4: Look</source>
   <translation>2 of 4: Look</translation>
  </message>
  <message>
   <source>3 of 4: Correct</source>
   <translation>3 of 4: Correct</translation>
  </message>
  <message>
   <source>4 of 4: Accept</source>
   <translation>4 of 4: Accept</translation>
  </message>
  <message>
   <source>Done</source>
   <translation>Done</translation>
  </message>
  <message>
   <source>Drag a box round a lung on the film. Or press L for both lungs.</source>
   <translation>Drag a box round a lung on the film. Or press L for both lungs.</translation>
  </message>
  <message>
   <source>Drag an edge of the box, or press E and paint. Ctrl+Z takes it back.</source>
   <translation>Drag an edge of the box, or press E and paint. Ctrl+Z takes it back.</translation>
  </message>
  <message>
   <source>Drag with the right button: sideways for contrast, down for brightness.</source>
   <translation>Drag with the right button: sideways for contrast, down for brightness.</translation>
  </message>
  <message>
   <source>End tour</source>
   <translation>End tour</translation>
  </message>
  <message>
   <source>Next</source>
   <translation>Next</translation>
  </message>
  <message>
   <source>Press K to flag a film, or Enter to accept it. F1 shows every key.</source>
   <translation>Press K to flag a film, or Enter to accept it. F1 shows every key.</translation>
  </message>
 </context>
 <context>
  <name>Window</name>
  <message>
   <source>&amp;Edit</source>
   <translation>&amp;Edit</translation>
  </message>
  <message>
   <source>&amp;File</source>
   <translation>&amp;File</translation>
  </message>
  <message>
   <source>&amp;Help</source>
   <translation>&amp;Help</translation>
  </message>
  <message>
   <source>&amp;Tools</source>
   <translation>&amp;Tools</translation>
  </message>
  <message>
   <source>&amp;View</source>
   <translation>&amp;View</translation>
  </message>
  <message>
   <source>Distance</source>
   <translation>Distance</translation>
  </message>
  <message>
   <source>Heart</source>
   <translation>Heart</translation>
  </message>
  <message>
   <source>Hide names</source>
   <translation>Hide names</translation>
  </message>
  <message>
   <source>Names hidden</source>
   <translation>Names hidden</translation>
  </message>
  <message>
   <source>Recent</source>
   <translation>Recent</translation>
  </message>
  <message>
   <source>Window</source>
   <translation>Window</translation>
  </message>
  <message>
   <source>Window presets</source>
   <translation>Window presets</translation>
  </message>
 </context>
 <context>
  <name>WindowDialog</name>
  <message>
   <source>Black at</source>
   <translation>Black at</translation>
  </message>
  <message>
   <source>Level</source>
   <translation>Level</translation>
  </message>
  <message>
   <source>Set window</source>
   <translation>Set window</translation>
  </message>
  <message>
   <source>White at</source>
   <translation>White at</translation>
  </message>
  <message>
   <source>Width</source>
   <translation>Width</translation>
  </message>
 </context>
 <context>
  <name>Wording</name>
  <message>
   <source>1 film</source>
   <translation>1 film</translation>
  </message>
  <message>
   <source>1 step</source>
   <translation>1 step</translation>
  </message>
  <message>
   <source>A lookup table of the header is unusable.</source>
   <translation>A lookup table of the header is unusable.</translation>
  </message>
  <message>
   <source>A raw image, made for processing, not for reading.</source>
   <translation>A raw image, made for processing, not for reading.</translation>
  </message>
  <message>
   <source>AP view: the heart is magnified, the ratio reads too high.</source>
   <translation>AP view: the heart is magnified, the ratio reads too high.</translation>
  </message>
  <message>
   <source>AP view: the heart reads too large.</source>
   <translation>AP view: the heart reads too large.</translation>
  </message>
  <message>
   <source>About Lungbox</source>
   <translation>About Lungbox</translation>
  </message>
  <message>
   <source>Add a model</source>
   <translation>Add a model</translation>
  </message>
  <message>
   <source>Add a model file …</source>
   <translation>Add a model file …</translation>
  </message>
  <message>
   <source>All files</source>
   <translation>All files</translation>
  </message>
  <message>
   <source>An internal error</source>
   <translation>An internal error</translation>
  </message>
  <message>
   <source>Asymmetry</source>
   <translation>Asymmetry</translation>
  </message>
  <message>
   <source>Auto</source>
   <translation>Auto</translation>
  </message>
  <message>
   <source>Both lungs</source>
   <translation>Both lungs</translation>
  </message>
  <message>
   <source>Both lungs must be outlined.</source>
   <translation>Both lungs must be outlined.</translation>
  </message>
  <message>
   <source>CPU</source>
   <translation>CPU</translation>
  </message>
  <message>
   <source>Cancel</source>
   <translation>Cancel</translation>
  </message>
  <message>
   <source>Card of the model</source>
   <translation>Card of the model</translation>
  </message>
  <message>
   <source>Cardiothoracic ratio</source>
   <translation>Cardiothoracic ratio</translation>
  </message>
  <message>
   <source>Close</source>
   <translation>Close</translation>
  </message>
  <message>
   <source>Close without them</source>
   <translation>Close without them</translation>
  </message>
  <message>
   <source>Colour was reduced to grey.</source>
   <translation>Colour was reduced to grey.</translation>
  </message>
  <message>
   <source>Commit</source>
   <translation>Commit</translation>
  </message>
  <message>
   <source>Contradictory spacing: sizes in pixels only.</source>
   <translation>Contradictory spacing: sizes in pixels only.</translation>
  </message>
  <message>
   <source>Costophrenic angle</source>
   <translation>Costophrenic angle</translation>
  </message>
  <message>
   <source>Could not be written. Your work is still here.</source>
   <translation>Could not be written. Your work is still here.</translation>
  </message>
  <message>
   <source>Device</source>
   <translation>Device</translation>
  </message>
  <message>
   <source>Discard</source>
   <translation>Discard</translation>
  </message>
  <message>
   <source>Distance {number}</source>
   <translation>Distance {number}</translation>
  </message>
  <message>
   <source>Does not look like a frontal chest film: the outlines cannot be trusted.</source>
   <translation>Does not look like a frontal chest film: the outlines cannot be trusted.</translation>
  </message>
  <message>
   <source>Dome height</source>
   <translation>Dome height</translation>
  </message>
  <message>
   <source>Dragging down brightens</source>
   <translation>Dragging down brightens</translation>
  </message>
  <message>
   <source>Encoded films kept in memory</source>
   <translation>Encoded films kept in memory</translation>
  </message>
  <message>
   <source>Encoded films kept on disk</source>
   <translation>Encoded films kept on disk</translation>
  </message>
  <message>
   <source>Export</source>
   <translation>Export</translation>
  </message>
  <message>
   <source>Export to</source>
   <translation>Export to</translation>
  </message>
  <message>
   <source>Export when accepting</source>
   <translation>Export when accepting</translation>
  </message>
  <message>
   <source>Exported, de-identified: {folder}</source>
   <translation>Exported, de-identified: {folder}</translation>
  </message>
  <message>
   <source>Exported: {folder}</source>
   <translation>Exported: {folder}</translation>
  </message>
  <message>
   <source>Fallback</source>
   <translation>Fallback</translation>
  </message>
  <message>
   <source>Films</source>
   <translation>Films</translation>
  </message>
  <message>
   <source>Full range</source>
   <translation>Full range</translation>
  </message>
  <message>
   <source>GPU</source>
   <translation>GPU</translation>
  </message>
  <message>
   <source>Grey values of two exposures do not compare.</source>
   <translation>Grey values of two exposures do not compare.</translation>
  </message>
  <message>
   <source>Header</source>
   <translation>Header</translation>
  </message>
  <message>
   <source>Heart diameter</source>
   <translation>Heart diameter</translation>
  </message>
  <message>
   <source>Heart, left of midline</source>
   <translation>Heart, left of midline</translation>
  </message>
  <message>
   <source>Heart, right of midline</source>
   <translation>Heart, right of midline</translation>
  </message>
  <message>
   <source>Height to angle</source>
   <translation>Height to angle</translation>
  </message>
  <message>
   <source>Height to dome</source>
   <translation>Height to dome</translation>
  </message>
  <message>
   <source>Interpolation</source>
   <translation>Interpolation</translation>
  </message>
  <message>
   <source>Keep for next time</source>
   <translation>Keep for next time</translation>
  </message>
  <message>
   <source>L</source>
   <translation>L</translation>
  </message>
  <message>
   <source>Language (after restart)</source>
   <translation>Language (after restart)</translation>
  </message>
  <message>
   <source>Later</source>
   <translation>Later</translation>
  </message>
  <message>
   <source>Left lung</source>
   <translation>Left lung</translation>
  </message>
  <message>
   <source>Left to right</source>
   <translation>Left to right</translation>
  </message>
  <message>
   <source>Licence</source>
   <translation>Licence</translation>
  </message>
  <message>
   <source>Licences</source>
   <translation>Licences</translation>
  </message>
  <message>
   <source>Log</source>
   <translation>Log</translation>
  </message>
  <message>
   <source>Lossy compression has changed the grey values.</source>
   <translation>Lossy compression has changed the grey values.</translation>
  </message>
  <message>
   <source>Lossy compression: fine detail may be lost.</source>
   <translation>Lossy compression: fine detail may be lost.</translation>
  </message>
  <message>
   <source>Lower zone</source>
   <translation>Lower zone</translation>
  </message>
  <message>
   <source>Lung</source>
   <translation>Lung</translation>
  </message>
  <message>
   <source>Lungbox cases</source>
   <translation>Lungbox cases</translation>
  </message>
  <message>
   <source>Lungbox did not end properly. Unsaved work can be restored: {films}, {steps}.</source>
   <translation>Lungbox did not end properly. Unsaved work can be restored: {films}, {steps}.</translation>
  </message>
  <message>
   <source>Mark outlines with quality below</source>
   <translation>Mark outlines with quality below</translation>
  </message>
  <message>
   <source>Maximum width</source>
   <translation>Maximum width</translation>
  </message>
  <message>
   <source>Mean grey</source>
   <translation>Mean grey</translation>
  </message>
  <message>
   <source>Mediastinum</source>
   <translation>Mediastinum</translation>
  </message>
  <message>
   <source>Middle zone</source>
   <translation>Middle zone</translation>
  </message>
  <message>
   <source>Millimetres at the detector: larger than in the patient.</source>
   <translation>Millimetres at the detector: larger than in the patient.</translation>
  </message>
  <message>
   <source>Millimetres at the detector; magnification not applied.</source>
   <translation>Millimetres at the detector; magnification not applied.</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Model</translation>
  </message>
  <message>
   <source>Model file</source>
   <translation>Model file</translation>
  </message>
  <message>
   <source>Models</source>
   <translation>Models</translation>
  </message>
  <message>
   <source>Names are hidden and nothing is exported by itself. Tell your IT department: {faults}</source>
   <translation>Names are hidden and nothing is exported by itself. Tell your IT department: {faults}</translation>
  </message>
  <message>
   <source>Next film after accepting</source>
   <translation>Next film after accepting</translation>
  </message>
  <message>
   <source>No model is loaded.</source>
   <translation>No model is loaded.</translation>
  </message>
  <message>
   <source>No pixel spacing: sizes in pixels only.</source>
   <translation>No pixel spacing: sizes in pixels only.</translation>
  </message>
  <message>
   <source>Not a frontal view: the outlines cannot be trusted.</source>
   <translation>Not a frontal view: the outlines cannot be trusted.</translation>
  </message>
  <message>
   <source>Not done: an outline is still to come. Look at it first.</source>
   <translation>Not done: an outline is still to come. Look at it first.</translation>
  </message>
  <message>
   <source>Nothing to accept yet: outline a lung first.</source>
   <translation>Nothing to accept yet: outline a lung first.</translation>
  </message>
  <message>
   <source>Nothing was changed: another film has come up meanwhile.</source>
   <translation>Nothing was changed: another film has come up meanwhile.</translation>
  </message>
  <message>
   <source>Nothing was exported since the start.</source>
   <translation>Nothing was exported since the start.</translation>
  </message>
  <message>
   <source>OK</source>
   <translation>OK</translation>
  </message>
  <message>
   <source>One mask of both lungs, split into sides automatically.</source>
   <translation>One mask of both lungs, split into sides automatically.</translation>
  </message>
  <message>
   <source>Open case</source>
   <translation>Open case</translation>
  </message>
  <message>
   <source>Open film</source>
   <translation>Open film</translation>
  </message>
  <message>
   <source>Open folder</source>
   <translation>Open folder</translation>
  </message>
  <message>
   <source>Open results</source>
   <translation>Open results</translation>
  </message>
  <message>
   <source>Orientation not stated: R and L are assumed.</source>
   <translation>Orientation not stated: R and L are assumed.</translation>
  </message>
  <message>
   <source>Orientation not stated: taken as upright, right on the image's left.</source>
   <translation>Orientation not stated: taken as upright, right on the image's left.</translation>
  </message>
  <message>
   <source>Other</source>
   <translation>Other</translation>
  </message>
  <message>
   <source>Outline follows while a box is dragged</source>
   <translation>Outline follows while a box is dragged</translation>
  </message>
  <message>
   <source>Outlined by the model; nobody has corrected it.</source>
   <translation>Outlined by the model; nobody has corrected it.</translation>
  </message>
  <message>
   <source>Outlined in this session.</source>
   <translation>Outlined in this session.</translation>
  </message>
  <message>
   <source>Outlines and measures the lungs on a chest film, offline. Research use, not a medical device.</source>
   <translation>Outlines and measures the lungs on a chest film, offline. Research use, not a medical device.</translation>
  </message>
  <message>
   <source>Outlines from its case file.</source>
   <translation>Outlines from its case file.</translation>
  </message>
  <message>
   <source>Outlines from the results beside it.</source>
   <translation>Outlines from the results beside it.</translation>
  </message>
  <message>
   <source>Perimeter</source>
   <translation>Perimeter</translation>
  </message>
  <message>
   <source>Place the heart callipers first (C).</source>
   <translation>Place the heart callipers first (C).</translation>
  </message>
  <message>
   <source>Program</source>
   <translation>Program</translation>
  </message>
  <message>
   <source>Projected area</source>
   <translation>Projected area</translation>
  </message>
  <message>
   <source>R</source>
   <translation>R</translation>
  </message>
  <message>
   <source>Remember recent films</source>
   <translation>Remember recent films</translation>
  </message>
  <message>
   <source>Replace it</source>
   <translation>Replace it</translation>
  </message>
  <message>
   <source>Restore</source>
   <translation>Restore</translation>
  </message>
  <message>
   <source>Restore work</source>
   <translation>Restore work</translation>
  </message>
  <message>
   <source>Results</source>
   <translation>Results</translation>
  </message>
  <message>
   <source>Results are still being written. Lungbox closes when they are.</source>
   <translation>Results are still being written. Lungbox closes when they are.</translation>
  </message>
  <message>
   <source>Right dome above left</source>
   <translation>Right dome above left</translation>
  </message>
  <message>
   <source>Right lung</source>
   <translation>Right lung</translation>
  </message>
  <message>
   <source>Run the model on</source>
   <translation>Run the model on</translation>
  </message>
  <message>
   <source>Runs on</source>
   <translation>Runs on</translation>
  </message>
  <message>
   <source>Save</source>
   <translation>Save</translation>
  </message>
  <message>
   <source>Save case</source>
   <translation>Save case</translation>
  </message>
  <message>
   <source>Saved.</source>
   <translation>Saved.</translation>
  </message>
  <message>
   <source>Self-test</source>
   <translation>Self-test</translation>
  </message>
  <message>
   <source>Settings</source>
   <translation>Settings</translation>
  </message>
  <message>
   <source>Size of text</source>
   <translation>Size of text</translation>
  </message>
  <message>
   <source>Some of these results could not be opened.</source>
   <translation>Some of these results could not be opened.</translation>
  </message>
  <message>
   <source>Some settings could not be read.</source>
   <translation>Some settings could not be read.</translation>
  </message>
  <message>
   <source>Something went wrong inside Lungbox. Your work is kept; save it, and report this: {place}</source>
   <translation>Something went wrong inside Lungbox. Your work is kept; save it, and report this: {place}</translation>
  </message>
  <message>
   <source>Speed of window drag</source>
   <translation>Speed of window drag</translation>
  </message>
  <message>
   <source>Start with names hidden</source>
   <translation>Start with names hidden</translation>
  </message>
  <message>
   <source>Strength of fill</source>
   <translation>Strength of fill</translation>
  </message>
  <message>
   <source>Supine: the diaphragm stands higher and the heart is wider than upright.</source>
   <translation>Supine: the diaphragm stands higher and the heart is wider than upright.</translation>
  </message>
  <message>
   <source>System</source>
   <translation>System</translation>
  </message>
  <message>
   <source>Table {name}</source>
   <translation>Table {name}</translation>
  </message>
  <message>
   <source>Text may be burned into the pixels: look for names before sharing.</source>
   <translation>Text may be burned into the pixels: look for names before sharing.</translation>
  </message>
  <message>
   <source>That did not work.</source>
   <translation>That did not work.</translation>
  </message>
  <message>
   <source>The defaults are used for them. The file was kept aside.</source>
   <translation>The defaults are used for them. The file was kept aside.</translation>
  </message>
  <message>
   <source>The faster engine cannot be used here: the model runs on another, more slowly.</source>
   <translation>The faster engine cannot be used here: the model runs on another, more slowly.</translation>
  </message>
  <message>
   <source>The file begins like a program. It was read as a film only.</source>
   <translation>The file begins like a program. It was read as a film only.</translation>
  </message>
  <message>
   <source>The file does not say what its grey values mean.</source>
   <translation>The file does not say what its grey values mean.</translation>
  </message>
  <message>
   <source>The film does not say at which plane its millimetres hold.</source>
   <translation>The film does not say at which plane its millimetres hold.</translation>
  </message>
  <message>
   <source>The film does not say that it is a chest.</source>
   <translation>The film does not say that it is a chest.</translation>
  </message>
  <message>
   <source>The film does not state its view.</source>
   <translation>The film does not state its view.</translation>
  </message>
  <message>
   <source>The film of these results was found and opened.</source>
   <translation>The film of these results was found and opened.</translation>
  </message>
  <message>
   <source>The film was left before an outline had come: it was dropped.</source>
   <translation>The film was left before an outline had come: it was dropped.</translation>
  </message>
  <message>
   <source>The first case was opened. Open the others one at a time.</source>
   <translation>The first case was opened. Open the others one at a time.</translation>
  </message>
  <message>
   <source>The header has oddities; see the log.</source>
   <translation>The header has oddities; see the log.</translation>
  </message>
  <message>
   <source>The header's polarity was contradictory and was corrected. Press I if it looks wrong.</source>
   <translation>The header's polarity was contradictory and was corrected. Press I if it looks wrong.</translation>
  </message>
  <message>
   <source>The header's rescale is unusable.</source>
   <translation>The header's rescale is unusable.</translation>
  </message>
  <message>
   <source>The header's window is unusable.</source>
   <translation>The header's window is unusable.</translation>
  </message>
  <message>
   <source>The log is empty.</source>
   <translation>The log is empty.</translation>
  </message>
  <message>
   <source>The mask has no base wide enough for a diaphragm.</source>
   <translation>The mask has no base wide enough for a diaphragm.</translation>
  </message>
  <message>
   <source>The mask is empty.</source>
   <translation>The mask is empty.</translation>
  </message>
  <message>
   <source>The mask is in several parts; lengths are of the largest.</source>
   <translation>The mask is in several parts; lengths are of the largest.</translation>
  </message>
  <message>
   <source>The mask reaches the edge of the film.</source>
   <translation>The mask reaches the edge of the film.</translation>
  </message>
  <message>
   <source>The masks of the two lungs overlap.</source>
   <translation>The masks of the two lungs overlap.</translation>
  </message>
  <message>
   <source>The midline has no length, or the heart's borders are exchanged.</source>
   <translation>The midline has no length, or the heart's borders are exchanged.</translation>
  </message>
  <message>
   <source>The model cannot be used.</source>
   <translation>The model cannot be used.</translation>
  </message>
  <message>
   <source>The model could not be run.</source>
   <translation>The model could not be run.</translation>
  </message>
  <message>
   <source>The model gave no usable result.</source>
   <translation>The model gave no usable result.</translation>
  </message>
  <message>
   <source>The model sees no lung in this box.</source>
   <translation>The model sees no lung in this box.</translation>
  </message>
  <message>
   <source>The model's process ended and was started again. Nothing was lost.</source>
   <translation>The model's process ended and was started again. Nothing was lost.</translation>
  </message>
  <message>
   <source>The new outline was dropped: the mask has been changed meanwhile.</source>
   <translation>The new outline was dropped: the mask has been changed meanwhile.</translation>
  </message>
  <message>
   <source>The outline is too short beside the costophrenic angle.</source>
   <translation>The outline is too short beside the costophrenic angle.</translation>
  </message>
  <message>
   <source>The policy file for this computer cannot be used.</source>
   <translation>The policy file for this computer cannot be used.</translation>
  </message>
  <message>
   <source>The results are open; undo takes them back.</source>
   <translation>The results are open; undo takes them back.</translation>
  </message>
  <message>
   <source>The self-test failed: do not trust the outlines.</source>
   <translation>The self-test failed: do not trust the outlines.</translation>
  </message>
  <message>
   <source>The two films are calibrated in different ways: only ratios and angles compare.</source>
   <translation>The two films are calibrated in different ways: only ratios and angles compare.</translation>
  </message>
  <message>
   <source>These results cannot be opened.</source>
   <translation>These results cannot be opened.</translation>
  </message>
  <message>
   <source>This cannot be measured.</source>
   <translation>This cannot be measured.</translation>
  </message>
  <message>
   <source>This case cannot be opened.</source>
   <translation>This case cannot be opened.</translation>
  </message>
  <message>
   <source>This copy runs from its source: its components are where Python keeps them.</source>
   <translation>This copy runs from its source: its components are where Python keeps them.</translation>
  </message>
  <message>
   <source>This file is not a single radiograph.</source>
   <translation>This file is not a single radiograph.</translation>
  </message>
  <message>
   <source>This film is damaged and was not opened.</source>
   <translation>This film is damaged and was not opened.</translation>
  </message>
  <message>
   <source>This film is too large to open.</source>
   <translation>This film is too large to open.</translation>
  </message>
  <message>
   <source>This is not a frontal view.</source>
   <translation>This is not a frontal view.</translation>
  </message>
  <message>
   <source>This is the first film of the list.</source>
   <translation>This is the first film of the list.</translation>
  </message>
  <message>
   <source>This is the last film of the list.</source>
   <translation>This is the last film of the list.</translation>
  </message>
  <message>
   <source>This kind of film is not supported.</source>
   <translation>This kind of film is not supported.</translation>
  </message>
  <message>
   <source>This prompt cannot be used.</source>
   <translation>This prompt cannot be used.</translation>
  </message>
  <message>
   <source>Thoracic diameter</source>
   <translation>Thoracic diameter</translation>
  </message>
  <message>
   <source>Unsaved work</source>
   <translation>Unsaved work</translation>
  </message>
  <message>
   <source>Unusable pixel spacing: sizes in pixels only.</source>
   <translation>Unusable pixel spacing: sizes in pixels only.</translation>
  </message>
  <message>
   <source>Upper zone</source>
   <translation>Upper zone</translation>
  </message>
  <message>
   <source>Use this model</source>
   <translation>Use this model</translation>
  </message>
  <message>
   <source>Width of outlines</source>
   <translation>Width of outlines</translation>
  </message>
  <message>
   <source>Without millimetres on both films only ratios and angles compare.</source>
   <translation>Without millimetres on both films only ratios and angles compare.</translation>
  </message>
  <message>
   <source>Work that is in no case file: {films}.</source>
   <translation>Work that is in no case file: {films}.</translation>
  </message>
  <message>
   <source>Writing the results.</source>
   <translation>Writing the results.</translation>
  </message>
  <message>
   <source>accepted</source>
   <translation>accepted</translation>
  </message>
  <message>
   <source>added</source>
   <translation>added</translation>
  </message>
  <message>
   <source>as the system</source>
   <translation>as the system</translation>
  </message>
  <message>
   <source>boxed</source>
   <translation>boxed</translation>
  </message>
  <message>
   <source>cannot be used</source>
   <translation>cannot be used</translation>
  </message>
  <message>
   <source>corrected</source>
   <translation>corrected</translation>
  </message>
  <message>
   <source>cubic</source>
   <translation>cubic</translation>
  </message>
  <message>
   <source>detector</source>
   <translation>detector</translation>
  </message>
  <message>
   <source>drawn</source>
   <translation>drawn</translation>
  </message>
  <message>
   <source>edited</source>
   <translation>edited</translation>
  </message>
  <message>
   <source>fiducial</source>
   <translation>fiducial</translation>
  </message>
  <message>
   <source>flagged</source>
   <translation>flagged</translation>
  </message>
  <message>
   <source>imported</source>
   <translation>imported</translation>
  </message>
  <message>
   <source>lateral</source>
   <translation>lateral</translation>
  </message>
  <message>
   <source>linear</source>
   <translation>linear</translation>
  </message>
  <message>
   <source>mm at the detector</source>
   <translation>mm at the detector</translation>
  </message>
  <message>
   <source>mm at the film's surface</source>
   <translation>mm at the film's surface</translation>
  </message>
  <message>
   <source>mm by fiducial</source>
   <translation>mm by fiducial</translation>
  </message>
  <message>
   <source>mm calibrated by the reader</source>
   <translation>mm calibrated by the reader</translation>
  </message>
  <message>
   <source>mm corrected for magnification</source>
   <translation>mm corrected for magnification</translation>
  </message>
  <message>
   <source>mm corrected, type not stated</source>
   <translation>mm corrected, type not stated</translation>
  </message>
  <message>
   <source>mm, origin unknown</source>
   <translation>mm, origin unknown</translation>
  </message>
  <message>
   <source>new</source>
   <translation>new</translation>
  </message>
  <message>
   <source>none (pixels)</source>
   <translation>none (pixels)</translation>
  </message>
  <message>
   <source>other view</source>
   <translation>other view</translation>
  </message>
  <message>
   <source>outlined</source>
   <translation>outlined</translation>
  </message>
  <message>
   <source>patient</source>
   <translation>patient</translation>
  </message>
  <message>
   <source>pixels only, no millimetres</source>
   <translation>pixels only, no millimetres</translation>
  </message>
  <message>
   <source>reader</source>
   <translation>reader</translation>
  </message>
  <message>
   <source>scanner</source>
   <translation>scanner</translation>
  </message>
  <message>
   <source>set by your IT department</source>
   <translation>set by your IT department</translation>
  </message>
  <message>
   <source>shipped</source>
   <translation>shipped</translation>
  </message>
  <message>
   <source>the model has its own, on its card</source>
   <translation>the model has its own, on its card</translation>
  </message>
  <message>
   <source>unknown</source>
   <translation>unknown</translation>
  </message>
  <message>
   <source>whatever is fastest</source>
   <translation>whatever is fastest</translation>
  </message>
  <message>
   <source>{count} films</source>
   <translation>{count} films</translation>
  </message>
  <message>
   <source>{count} steps</source>
   <translation>{count} steps</translation>
  </message>
  <message>
   <source>{name} is there already.</source>
   <translation>{name} is there already.</translation>
  </message>
  <message>
   <source>{name}, left</source>
   <translation>{name}, left</translation>
  </message>
  <message>
   <source>{name}, right</source>
   <translation>{name}, right</translation>
  </message>
 </context>
 <context>
  <name>WorklistPanel</name>
  <message>
   <source>Search</source>
   <translation>Search</translation>
  </message>
  <message>
   <source>Search the worklist</source>
   <translation>Search the worklist</translation>
  </message>
  <message>
   <source>WORKLIST</source>
   <translation>WORKLIST</translation>
  </message>
  <message>
   <source>Worklist</source>
   <translation>Worklist</translation>
  </message>
  <message>
   <source>{place} of {total}</source>
   <translation>{place} of {total}</translation>
  </message>
 </context>
</TS>
